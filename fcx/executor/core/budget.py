"""When to look: quick after news, slower while nothing happens, within a budget of requests."""

from __future__ import annotations

from .actions import Action, Fetch, ListFolder, ListJobs, ReadLog, SubmitPilot, UploadBundle

QUICKEST = 0.03  # seconds between two looks
SHARE = 0.136  # of the time from the last news to the last look: so long the next one waits
PATIENT = 1.5  # at first; and after so many seconds
PATIENT_SHARE = 0.333  # this share of it
STREAM = 0.5  # seconds: while results stream in, no look is sooner than that
DEBT = 4.0  # requests that may be owed: looks have their share, whatever is uploaded
BURST = 60.0  # requests that may be made at once
RATE = 1.0  # requests per second that are earned meanwhile

CHARGED = (SubmitPilot, ListJobs, ListFolder, ReadLog, UploadBundle)


def cost(action: Action) -> float:
    """How many requests an action counts for: what recurs is charged, what is made once is not."""
    if isinstance(action, Fetch):
        return float(action.parts)
    return 1.0 if isinstance(action, CHARGED) else 0.0


class Budget:
    """Tells how long to wait before the next look."""

    def __init__(self, longest: float) -> None:
        self.longest = max(QUICKEST, longest)
        self._news = 0.0
        self._streak = 0
        self._tokens = BURST
        self._earned = 0.0

    def news(self, now: float) -> None:
        """Something has happened: look again soon, less so if it happens all the time."""
        self._news = now
        self._streak += 1

    def hurry(self, now: float) -> None:
        """The caller has asked for something: start from the quickest again."""
        self._news = now
        self._streak = 0

    def quiet(self) -> None:
        """A look that found nothing."""
        self._streak = 0

    def spend(self, requests: float, now: float) -> None:
        """Note requests that are made."""
        if requests:
            earned = min(BURST, self._tokens + (now - self._earned) * RATE)
            self._tokens = max(-DEBT, earned - requests)
            self._earned = now

    def short(self, now: float) -> bool:
        """Whether requests must be saved: what can travel together then waits for the other."""
        return self._tokens + (now - self._earned) * RATE < 1.0

    def pause(self, looked: float) -> float:
        """Seconds from the last look to the next."""
        waited = max(0.0, looked - self._news)
        streaming = min(STREAM, QUICKEST * 1.5**self._streak) if self._streak > 1 else 0.0
        share = SHARE if waited < PATIENT else PATIENT_SHARE
        wished = min(self.longest, max(QUICKEST, streaming, share * waited))
        owed = (1.0 - self._tokens) / RATE if self._tokens < 1.0 else 0.0
        return max(wished, owed)
