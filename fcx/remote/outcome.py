"""Run a task: what becomes of it as (kind, bytes), whatever it does.

value        the pickled result
raise        a JSON line [name, text, traceback], which stands in for it; then, pickled, the
             exception and its traceback; without what it was raised from where that cannot travel
alien        the JSON alone: the exception cannot travel
unpicklable  JSON [type, reason]: the result cannot
"""

import json
import os
import traceback

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Tuple

LONGEST_TEXT = 1 << 20  # characters of a traceback: a record must hold it


def run(pickling: "ModuleType", payload: bytes) -> "Tuple[str, bytes]":
    """Run one task."""
    try:
        fn, args, kwargs = pickling.loads(payload)
        value = fn(*args, **kwargs)
    except BaseException as error:
        return failed(pickling, error)
    try:
        return "value", pickling.dumps(value, home=False)
    except BaseException as error:
        told = "%s: %s" % (type(error).__name__, safe_str(error))
        return "unpicklable", json.dumps([type(value).__qualname__, told]).encode()


def failed(pickling: "ModuleType", error: BaseException) -> "Tuple[str, bytes]":
    """An exception: what stands in for it, then itself where it can travel."""
    text = describe(error)
    module, name = type(error).__module__, type(error).__qualname__
    name = name if module == "builtins" else "%s.%s" % (module, name)
    stand_in = json.dumps([name, safe_str(error), text]).encode()
    for _ in range(2):
        try:
            data = pickling.dumps((error, text), home=False)
            if "__main__" not in type(error).__module__:
                pickling.loads(data)  # many an exception pickles well and cannot be loaded
            return "raise", stand_in + b"\n" + data
        except BaseException:
            error.__cause__ = error.__context__ = None
    return "alien", stand_in


def describe(error: BaseException) -> str:
    """The traceback as text, from the task's own frames on."""
    own = os.path.dirname(__file__)
    tb = error.__traceback__
    while tb is not None and os.path.dirname(tb.tb_frame.f_code.co_filename) == own:
        tb = tb.tb_next
    text = "".join(traceback.format_exception(type(error), error, tb))
    return text if len(text) <= LONGEST_TEXT else "[...]\n" + text[-LONGEST_TEXT:]


def safe_str(error: BaseException) -> str:
    """An exception's text, even if making it raises."""
    try:
        return str(error)
    except BaseException as second:
        return "<%s has no text: its __str__ raised %s>" % (
            type(error).__name__,
            type(second).__name__,
        )
