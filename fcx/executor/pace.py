"""When to ask the cluster: quick after news, slower while nothing happens, within a budget."""

from __future__ import annotations

import time

QUICKEST = 0.03  # seconds between two looks
SHARE = 0.12  # of the time since the last news that the next look waits at first,
PATIENT = 1.5  # and after so many seconds
PATIENT_SHARE = 0.25  # this share of it
STREAM = 0.5  # seconds: while results stream in, no look is sooner than that
BURST = 60.0  # requests that may be made at once
RATE = 1.0  # requests per second that are earned meanwhile


class Pace:
    """Tells how long to wait before the next look."""

    def __init__(self, longest: float) -> None:
        self.longest = max(QUICKEST, longest)
        self._news = time.monotonic()
        self._streak = 0
        self._tokens = BURST
        self._earned = self._news

    def news(self) -> None:
        """Something has happened: look again soon, less so if it happens all the time."""
        self._news = time.monotonic()
        self._streak += 1

    def hurry(self) -> None:
        """The caller has asked for something: start from the quickest again."""
        self._news = time.monotonic()
        self._streak = 0

    def quiet(self) -> None:
        """A look that found nothing."""
        self._streak = 0

    def spend(self, requests: int) -> None:
        """Note requests that were made."""
        now = time.monotonic()
        self._tokens = min(BURST, self._tokens + (now - self._earned) * RATE) - requests
        self._earned = now

    def pause(self) -> float:
        """Seconds until the next look."""
        waited = time.monotonic() - self._news
        streaming = min(STREAM, QUICKEST * 1.5**self._streak) if self._streak > 1 else 0.0
        share = SHARE if waited < PATIENT else PATIENT_SHARE
        wished = min(self.longest, max(QUICKEST, streaming, share * waited))
        owed = (1.0 - self._tokens) / RATE if self._tokens < 1.0 else 0.0
        return max(wished, owed)
