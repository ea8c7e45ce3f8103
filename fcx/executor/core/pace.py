"""How long tasks take, and how long ago one gave an outcome."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from .fates import SHORT_WORK

NEWEST = 0.3  # weight of the newest of several times
SPREAD = 2.0  # mean deviations by which most of them differ from their mean, at most
DOUBT = 0.5  # seconds of silence after which what an earlier run has learnt may be wrong,
LONGER = 4.0  # beside so many times what a task would take
SLOW_START = 4.0  # a task that is so many times quicker than any before ends what they tell


class Span(msgspec.Struct):
    """How long one function takes of late, and how long it took in all.

    Its first calls may have taken long for what they imported, once in each worker: where a later
    one shows that it can be far quicker, they tell no more when outcomes are to be looked for.
    """

    mean: float
    deviation: float
    total: float
    least: float
    ran: int = 1

    @classmethod
    def of(cls, seconds: float) -> Span:
        """It took so long, and that is all that is known of it."""
        return cls(seconds, seconds / SPREAD, seconds, seconds)

    def note(self, seconds: float) -> None:
        """Once more."""
        self.ran += 1
        self.total += seconds
        least, self.least = self.least, min(self.least, seconds)
        if seconds * SLOW_START < least:
            self.mean, self.deviation = seconds, seconds / SPREAD
            return
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
    """Seconds that tasks took, as far as their agents, or earlier runs, have said."""

    def __init__(self) -> None:
        self.longest: dict[str, float] = {}  # seconds, by function
        self.spans: dict[str, Span] = {}  # likewise
        self.owed: dict[str, int] = {}  # tasks without an outcome, by function
        self.ran = 0  # tasks
        self.progress = 0.0  # when a task last gave an outcome, or the first of many came
        self._outcome = 0.0  # when one last gave an outcome
        self._seconds = 0.0  # that tasks took, all together
        self._recalled: dict[str, float] = {}  # seconds, by function, in earlier runs

    def recall(self, seconds: Iterable[tuple[str, float]]) -> None:
        """What earlier runs have learnt, by function."""
        self._recalled = dict(seconds)

    def learnt(self) -> tuple[tuple[str, float], ...]:
        """What later runs may know."""
        return tuple((each, span.total / span.ran) for each, span in self.spans.items())

    def begin(self, now: float) -> None:
        """There are tasks or pilots, and there were none."""
        self.progress = now

    def owe(self, function: str, tasks: int) -> None:
        """So many more, or less, have no outcome."""
        count = self.owed.get(function, 0) + tasks
        self.owed[function] = count
        if not count:
            del self.owed[function]

    def note(self, function: str, seconds: float, now: float) -> None:
        """A task has given its outcome."""
        self.ran += 1
        self.progress = self._outcome = now
        self._seconds += seconds
        self.longest[function] = max(seconds, self.longest.get(function, 0.0))
        if function in self.spans:
            self.spans[function].note(seconds)
        else:
            self.spans[function] = Span.of(seconds)

    def quiet(self, now: float) -> float:
        """Seconds since a task has given an outcome."""
        return now - self._outcome

    def mean(self) -> float | None:
        """Of a task that is owed, in seconds; None where nothing tells."""
        work = 0.0
        for function, count in self.owed.items():
            seconds = self._of(function)
            if seconds is None:
                return None
            work += seconds * count
        owed = sum(self.owed.values())
        return work / owed if owed else self._of_all()

    def _of(self, function: str) -> float | None:
        span = self.spans.get(function)
        if span is not None:
            return span.total / span.ran
        recalled = self._recalled.get(function)
        return self._of_all() if recalled is None else recalled

    def _of_all(self) -> float | None:
        return self._seconds / self.ran if self.ran else None

    def expected(self, looked: float) -> float | None:
        """The same while pilots run; None once silence proves it wrong.

        ``looked``: when the logs were last read; what may have ended since is not known yet.
        """
        mean = self.mean()
        if mean is None:
            return None
        patience = SHORT_WORK if self.ran else min(SHORT_WORK, DOUBT + LONGER * mean)
        return None if looked - self.progress > patience else mean
