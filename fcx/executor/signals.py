"""A block that tidies up also when its process is ended by a signal."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Ended(BaseException):
    """Raised where the process is told to end."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


def _raise(number: int, _frame: FrameType | None) -> None:
    raise Ended(number)


@contextmanager
def raised() -> Iterator[None]:
    """SIGTERM and SIGHUP are raised in the block, as Ctrl-C is; after it they end the process.

    Unless the application has handlers of its own, or this is not the main thread.
    """
    ours: list[int] = []
    if threading.current_thread() is threading.main_thread():
        both = (signal.SIGTERM, signal.SIGHUP)
        ours = [number for number in both if signal.getsignal(number) is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, _raise)
    ended = 0
    try:
        yield
    except Ended as error:
        ended = error.number
        raise
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)
        if ended:
            os.kill(os.getpid(), ended)
