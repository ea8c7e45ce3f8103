"""A condition that weighs little until somebody waits: each future has one, and there are many."""

from __future__ import annotations

import threading


class SlimCondition:
    """What concurrent.futures asks of a threading.Condition, which is made for the first wait."""

    __slots__ = ("_lock", "_waited")

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._waited: threading.Condition | None = None

    def __enter__(self) -> bool:
        return self._lock.__enter__()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take the lock."""
        return self._lock.acquire(blocking, timeout)

    def release(self) -> None:
        """Give it back."""
        self._lock.release()

    def wait(self, timeout: float | None = None) -> bool:
        """Until somebody notifies, which takes the lock; as the standard's."""
        if self._waited is None:
            self._waited = threading.Condition(self._lock)
        return self._waited.wait(timeout)

    def notify_all(self) -> None:
        """Wake all who wait."""
        if self._waited is not None:
            self._waited.notify_all()
