"""Frequent operations, done in this process: a few ms less than a command each.

Where the system refuses, the command itself is run, so that its own words are the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from fastapi.responses import JSONResponse

from .commands import checked

T = TypeVar("T")


async def quickly(work: Callable[[], T | None], command: Sequence[str], timeout: float) -> T | str:
    """Do the work here; where that is not possible (None, OSError), run the command: its words."""
    try:
        result = work()
    except (OSError, UnicodeEncodeError):
        result = None
    return await checked(command, timeout) if result is None else result


def output(value: Any, status: int = 200) -> JSONResponse:
    """The answer of a small operation."""
    return JSONResponse({"output": value}, status_code=status)
