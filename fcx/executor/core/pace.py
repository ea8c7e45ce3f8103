"""How long tasks take, and how long ago one gave an outcome."""

from __future__ import annotations

from .fates import SHORT_WORK


class Pace:
    """Seconds that tasks took, as far as their agents have said."""

    def __init__(self) -> None:
        self.longest: dict[str, float] = {}  # seconds, by function
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

    def quiet(self, now: float) -> float:
        """Seconds since a task has given an outcome."""
        return now - self._outcome

    def expected(self, looked: float) -> float | None:
        """Mean seconds of a task so far; None while nothing tells, or what told proves wrong.

        ``looked``: when the logs were last read; what may have ended since is not known yet.
        """
        stuck = looked - self.progress > SHORT_WORK
        return None if stuck or not self.ran else self._seconds / self.ran
