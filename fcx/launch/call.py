"""Calls a function as a program: ``call.py MODULE:FUNCTION ARGUMENTS``. Runs on the cluster.

An argument that is a literal of Python is that value, any other is text; a result that is not None
is printed.
"""

import ast
import functools
import importlib
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
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    sys.__excepthook__(kind, error.with_traceback(trace), trace)


def main() -> None:
    """Call it."""
    sys.excepthook = show
    del sys.argv[0]
    module, _, name = sys.argv[0].partition(":")
    found = importlib.import_module(module)  # type: Any
    function = functools.reduce(getattr, name.split("."), found)
    result = function(*[value(text) for text in sys.argv[1:]])
    if result is not None:
        print(result)  # noqa: T201 - the only thing that it is asked for


if __name__ == "__main__":
    main()
