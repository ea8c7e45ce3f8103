"""How long tasks take, and how long ago one gave an outcome."""

from __future__ import annotations

import msgspec

from .fates import SHORT_WORK

NEWEST = 0.3  # weight of the newest of several times
SPREAD = 2.0  # mean deviations by which most of them differ from their mean, at most


class Span(msgspec.Struct):
    """How long one function takes of late."""

    mean: float
    deviation: float

    def note(self, seconds: float) -> None:
        """Once more."""
        self.deviation += (abs(seconds - self.mean) - self.deviation) * NEWEST
        self.mean += (seconds - self.mean) * NEWEST

    @property
    def low(self) -> float:
        """Seconds that it hardly ever takes less than."""
        return max(0.0, self.mean - SPREAD * self.deviation)

    @property
    def high(self) -> float:
        """Seconds that it hardly ever takes more than."""
        return self.mean + SPREAD * self.deviation


class Pace:
    """Seconds that tasks took, as far as their agents have said."""

    def __init__(self) -> None:
        self.longest: dict[str, float] = {}  # seconds, by function
        self.spans: dict[str, Span] = {}  # likewise
        self.ran = 0  # tasks
        self.progress = 0.0  # when a task last gave an outcome, or the first of many came
        self._outcome = 0.0  # when one last gave an outcome
        self._seconds = 0.0  # that tasks took, all together

    def begin(self, now: float) -> None:
        """There are tasks, and there were none."""
        self.progress = now

    def note(self, function: str, seconds: float, now: float) -> None:
        """A task has given its outcome."""
        self.ran += 1
        self.progress = self._outcome = now
        self._seconds += seconds
        self.longest[function] = max(seconds, self.longest.get(function, 0.0))
        if function in self.spans:
            self.spans[function].note(seconds)
        else:
            self.spans[function] = Span(seconds, seconds / SPREAD)

    def quiet(self, now: float) -> float:
        """Seconds since a task has given an outcome."""
        return now - self._outcome

    def expected(self, looked: float) -> float | None:
        """Mean seconds of a task so far; None while nothing tells, or what told proves wrong.

        ``looked``: when the logs were last read; what may have ended since is not known yet.
        """
        stuck = looked - self.progress > SHORT_WORK
        return None if stuck or not self.ran else self._seconds / self.ran
