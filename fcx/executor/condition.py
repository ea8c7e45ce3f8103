"""A condition that weighs little until somebody waits: each future has one, and there are many."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from threading import _RLock as Lock
else:
    from _thread import RLock as Lock  # the interpreter's own, whatever has patched threading


class SlimCondition(Lock):  # type: ignore[misc]  # final for type checkers alone
    """What concurrent.futures asks of a threading.Condition, which is made for the first wait.

    It is its lock itself: one thing less to make, and to be looked at when garbage is sought.
    """

    __slots__ = ("_waited",)

    def __init__(self) -> None:
        self._waited: threading.Condition | None = None

    def wait(self, timeout: float | None = None) -> bool:
        """Until somebody notifies, which takes the lock; as the standard's."""
        if self._waited is None:
            self._waited = threading.Condition(self)
        return self._waited.wait(timeout)

    def notify_all(self) -> None:
        """Wake all who wait."""
        if self._waited is not None:
            self._waited.notify_all()
