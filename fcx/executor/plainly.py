"""Errors that a caller has made stand at his line: what lies between it and them is ours.

What has lost its traceback and is raised again by ``raise`` alone gets no line of the function that
does so: the last one that is shown is the caller's. Python 3.10 shows one of ours.
"""

# ruff: noqa: B904 - what is raised again is the same, with a cause or context of its own

from __future__ import annotations

import functools
import logging
import sys
from collections.abc import Callable
from concurrent.futures import BrokenExecutor
from typing import ParamSpec, TypeVar

from ..errors import FcxError

P = ParamSpec("P")
T = TypeVar("T")

SHUT = "cannot schedule new futures after shutdown"  # in a RuntimeError: what the standard's say
ADDS_A_LINE = sys.version_info < (3, 11)  # to raise again what has lost its traceback


def plainly(method: Callable[P, T]) -> Callable[P, T]:
    """A method whose errors come without our frames, where they say themselves what is wrong.

    Their causes keep their own. All frames are in the log, at DEBUG. Others are faults of ours.
    """

    @functools.wraps(method)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        __tracebackhide__ = True
        try:
            return method(*args, **kwargs)
        except (Exception, KeyboardInterrupt) as error:
            if not _says_it_all(error):
                raise
            logging.getLogger("fcx").debug("Raised to the caller:", exc_info=error)
            if ADDS_A_LINE:
                raise error.with_traceback(None)
            error.__traceback__ = None  # at the caller's line
            raise

    return call


def _says_it_all(error: BaseException) -> bool:
    """Whether it tells of the call: an error of ours, Ctrl-C, a TypeError that the method had."""
    if isinstance(error, (FcxError, BrokenExecutor, KeyboardInterrupt)) or error.args == (SHUT,):
        return True
    trace = error.__traceback__
    method = trace and trace.tb_next
    return isinstance(error, TypeError) and (method is None or method.tb_next is None)
