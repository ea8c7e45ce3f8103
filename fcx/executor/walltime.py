"""How long a task may take: a limit that a function has, a view gives, or ``submit``."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from typing import Any

from ..errors import OptionError, UsageError
from ..payload.dump import name_of
from ..protocol.bundle import LONGEST

FIX = "give seconds, or leave it out."


def of_function(fn: Callable[..., Any]) -> float | None:
    """``fn.walltime``, where it has one. Raises UsageError for what is no such time."""
    given = getattr(fn, "walltime", None)
    if not isinstance(given, (int, float)):
        return None
    if not 0 <= given <= LONGEST:
        raise UsageError(
            f"{name_of(fn)}.walltime is {given}, which is no time that a task can take: {FIX}"
        )
    return float(given)


def checked(given: Any) -> float | None:
    """A ``walltime=``; None: none is given. Raises OptionError for what is no such time."""
    if given is None:
        return None
    number = isinstance(given, Real) and not isinstance(given, bool)
    if not number or not 0 < given <= LONGEST:
        raise OptionError(f"walltime={given!r} is no time that a task can take: {FIX}")
    return float(given)
