"""What a job's clock has to say: the warning before its limit, the limit, the end of its grace."""

from __future__ import annotations

import time
from typing import Any

MEMORY_PERIOD = 0.1  # seconds between two looks at a job's memory


class Clock:
    """A job's time limit, its warning before it, and when it is killed if it must go."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.kill_at: float | None = None
        self._warn: dict[str, Any] | None = job["warn"]
        self._limit_at = None if job["limit"] is None else time.monotonic() + job["limit"]
        self._memory = bool(job["memory"])

    def grace(self, seconds: float) -> bool:
        """The job must go within so many seconds; whether that is news."""
        moment = time.monotonic() + seconds
        news = self.kill_at is None
        self.kill_at = moment if self.kill_at is None else min(self.kill_at, moment)
        return news

    @property
    def killing(self) -> bool:
        """Whether the grace is over."""
        return self.kill_at is not None and time.monotonic() >= self.kill_at

    def warning(self) -> dict[str, Any] | None:
        """The warning, if its time has come; it is given once."""
        if self._warn is None or self._limit_at is None:
            return None
        if time.monotonic() < self._limit_at - self._warn["before"]:
            return None
        warning, self._warn = self._warn, None
        return warning

    @property
    def over(self) -> bool:
        """Whether the limit is reached by a job that was not told to go yet."""
        reached = self._limit_at is not None and time.monotonic() >= self._limit_at
        return reached and self.kill_at is None

    def pause(self) -> float | None:
        """Seconds until there is something to say; None for never."""
        moments = [] if self.kill_at is None else [self.kill_at]
        if self._limit_at is not None and self.kill_at is None:
            moments.append(self._limit_at - (self._warn["before"] if self._warn else 0))
        pauses = [max(0.0, moment - time.monotonic()) for moment in moments]
        if self._memory:
            pauses.append(MEMORY_PERIOD)
        return min(pauses, default=None)
