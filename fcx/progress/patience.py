"""Whether somebody has waited for long enough to be shown something (pure)."""

from __future__ import annotations

from collections import deque

from .snapshot import Snapshot

WAITED = 1.0  # seconds that a task must have been waited for
IDLE_LOOKS = 2  # looks without a task from which nothing is shown any more


class Patience:
    """Watches the counts of one run. It shows nothing of short waits, and then does not flicker."""

    def __init__(self) -> None:
        self._totals: deque[tuple[float, int]] = deque()  # of the last second, and one before
        self._oldest, self._since = "", 0.0
        self._idle = 0
        self.shown = False

    def shows(self, seen: Snapshot, now: float) -> bool:
        """Whether it is to be shown now; to be asked several times a second."""
        if not seen.pending:
            self._oldest = ""
            self._totals.clear()
            self._idle += 1
            self.shown = self.shown and self._idle < IDLE_LOOKS
            return self.shown
        self._idle = 0
        self.shown = self._waits(seen, now) or self.shown
        return self.shown

    def _waits(self, seen: Snapshot, now: float) -> bool:
        """Whether any task is older than that: the one that is looked at, or by counting."""
        if seen.oldest != self._oldest:
            self._oldest, self._since = seen.oldest, now
        self._totals.append((now, seen.total))
        while len(self._totals) > 1 and self._totals[1][0] <= now - WAITED:
            self._totals.popleft()
        then, total = self._totals[0]
        same = bool(seen.oldest) and now - self._since >= WAITED
        return same or (then <= now - WAITED and seen.pending > seen.total - total)
