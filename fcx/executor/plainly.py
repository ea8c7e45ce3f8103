"""Errors that a caller has made stand at his line: what lies between it and them is ours."""

# ruff: noqa: B904 - what is raised again is the same, with a cause or context of its own

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from ..errors import FcxError

P = ParamSpec("P")
T = TypeVar("T")


def plainly(method: Callable[P, T]) -> Callable[P, T]:
    """A method whose FcxErrors come without the frames below it: they say what is wrong themselves.

    Their causes keep their own. All frames are in the log, at DEBUG.
    """

    @functools.wraps(method)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        __tracebackhide__ = True
        try:
            return method(*args, **kwargs)
        except FcxError as error:
            logging.getLogger("fcx").debug("Raised to the caller:", exc_info=error)
            raise error.with_traceback(None)  # at the caller's line

    return call
