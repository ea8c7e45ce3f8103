"""Calls a function as a program: ``call.py MODULE:FUNCTION ARGUMENTS``. Runs on the cluster.

An argument that is a literal of Python is that value, any other is text; a result that is not None
is printed. ``call.py MODULE ARGUMENTS`` runs a module or package, as ``python -m`` does.
"""

import ast
import difflib
import os
import runpy
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Optional, Type


def value(text: str) -> "Any":
    """What an argument says."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


def show(
    kind: "Type[BaseException]", error: BaseException, trace: "Optional[TracebackType]"
) -> None:
    """A traceback that begins where the module does: not with this file."""
    ours = __file__, "<frozen runpy>", runpy.__file__
    while trace is not None and trace.tb_frame.f_code.co_filename in ours:
        trace = trace.tb_next
    sys.__excepthook__(kind, error.with_traceback(trace), trace)


def look_up(module: str, name: str) -> "Any":
    """What is to be called; ends this program with a line of what is not there."""
    found, whole = sys.modules[module], module  # type: Any, str
    for part in name.split("."):
        if not hasattr(found, part):
            near = difflib.get_close_matches(part, dir(found), 1)
            meant = " Did you mean {!r}?".format(near[0]) if near else ""
            sys.exit("There is no {!r} in {!r}.{}".format(part, whole, meant))
        found, whole = getattr(found, part), "{}.{}".format(whole, part)
    if not callable(found):
        sys.exit("{!r} cannot be called: it is of {!r}.".format(whole, type(found).__name__))
    return found


def main() -> None:
    """Call it. This file lies where no module is to be found."""
    sys.excepthook = show
    del sys.argv[0]
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if entry != here]
    module, _, name = sys.argv[0].partition(":")
    if not name:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        return
    __import__(module)  # a traceback out of it has no frames of importlib
    result = look_up(module, name)(*[value(text) for text in sys.argv[1:]])
    if result is not None:
        print(result)  # noqa: T201 - the only thing that it is asked for


if __name__ == "__main__":
    main()
