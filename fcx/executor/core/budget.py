"""When to look: quick after news, slower while nothing happens, within a budget of requests."""

from __future__ import annotations

from .actions import Action, Fetch, ListFolder, ListJobs, ReadLog, SubmitPilot, UploadBundle

QUICKEST = 0.03  # seconds between two looks
SHARE = 0.136  # of the time from the last news to the last look: so long the next one waits
PATIENT = 1.5  # at first; and after so many seconds
PATIENT_SHARE = 0.333  # this share of it
STREAM = 0.5  # seconds: while results stream in, no look is sooner than that
DEBT = 4.0  # requests that may be owed: looks have their share, whatever is uploaded
SHARE_WAITS = 5.0  # seconds that the debt may hold up a look, where so much is earned in them
BURST = 60.0  # requests that may be made at once, while nothing is known of what is allowed
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
        self._rate, self._burst, self._rest = RATE, BURST, 0.0
        self._tokens = BURST
        self._earned = 0.0

    def allow(self, rate: float, burst: float, rest: float, now: float) -> None:
        """So much may be asked from now on, and nothing recurring for ``rest`` seconds."""
        self._tokens = min(burst, self._level(now))
        self._rate, self._burst, self._rest, self._earned = rate, burst, now + rest, now

    def _level(self, now: float) -> float:
        return min(self._burst, self._tokens + (now - self._earned) * self._rate)

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
            debt = min(DEBT, max(0.0, SHARE_WAITS * self._rate - 1.0))
            self._tokens = max(-debt, self._level(now) - requests)
            self._earned = now

    def short(self, now: float) -> bool:
        """Whether requests must be saved: what can travel together then waits for the other."""
        return self._level(now) < 1.0

    def pause(self, looked: float) -> float:
        """Seconds from the last look to the next."""
        waited = max(0.0, looked - self._news)
        streaming = min(STREAM, QUICKEST * 1.5**self._streak) if self._streak > 1 else 0.0
        share = SHARE if waited < PATIENT else PATIENT_SHARE
        wished = min(self.longest, max(QUICKEST, streaming, share * waited))
        earned = self._earned + max(0.0, 1.0 - self._tokens) / self._rate
        return max(wished, earned - looked, self._rest - looked)
