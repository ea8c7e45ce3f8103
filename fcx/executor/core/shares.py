"""How the lanes of a run share ``max_workers``: by tasks, and none waits for ever behind another.

A lane that waits for its first pilot comes before those that have some, the longest wait first; one
whose pilots have had no work keeps one of them, or two lanes would end each other's for ever.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

PLENTY = 1 << 30  # pilots, or workers: no lane is held back


class Need(msgspec.Struct, frozen=True):
    """What one lane has, and what it has to do."""

    shape: int
    tasks: int  # that somebody waits for
    each: int  # workers of one pilot
    wants: int  # pilots, those that there are included
    live: int = 0  # pilots
    spent: bool = False  # they have had work for long enough
    since: float | None = None  # when it began to wait for a first one

    @property
    def turn(self) -> tuple[int, float, int]:
        """When it is given its first pilot, compared with others."""
        if self.live and not self.spent:
            return 0, 0.0, self.shape
        return (2, 0.0, self.shape) if self.since is None else (1, self.since, self.shape)


class Share(msgspec.Struct, frozen=True):
    """What one lane may have."""

    most: int = PLENTY  # pilots
    whole: int = PLENTY  # workers that all lanes may have together
    yields: bool = False  # another waits for what it has beyond its share


def shares(most: int, needs: Sequence[Need]) -> dict[int, Share]:
    """What each lane may have of ``most`` workers; a pilot may have some more than are left."""
    granted = _granted(most, needs)
    whole = max(most, sum(granted[need.shape] * need.each for need in needs))
    free = whole - sum(need.live * need.each for need in needs)
    waits = [n for n in needs if n.live < granted[n.shape] and n.each > free]
    return {
        need.shape: Share(
            granted[need.shape],
            whole,
            bool(waits) and need.live > granted[need.shape],
        )
        for need in needs
    }


def _granted(most: int, needs: Sequence[Need]) -> dict[int, int]:
    """Pilots of each: one for as many as may have one, then by how many tasks there are."""
    granted = dict.fromkeys((need.shape for need in needs), 0)
    left = most
    for need in sorted((need for need in needs if need.wants), key=lambda need: need.turn):
        if left > 0:
            granted[need.shape] = 1
            left -= need.each
    served = [need for need in needs if granted[need.shape]]
    tasks = sum(need.tasks for need in served)
    rest = max(0, left)
    for need in served:
        fair = rest * need.tasks // (tasks * need.each)
        granted[need.shape] += min(fair, need.wants - 1)
        left -= (granted[need.shape] - 1) * need.each
    return _rounded(served, granted, left)


def _rounded(served: Sequence[Need], granted: dict[int, int], left: int) -> dict[int, int]:
    """What is left goes to those that can use it, the one with most tasks first."""
    wanting = sorted(served, key=lambda need: (-need.tasks, need.shape))
    while left > 0 and wanting:
        wanting = [need for need in wanting if granted[need.shape] < need.wants]
        for need in wanting:
            if left > 0:
                granted[need.shape] += 1
                left -= need.each
    return granted
