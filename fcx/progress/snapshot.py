"""What is to be seen of a run, or of a map, at one moment: plain data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Pilots:
    """How many there are, and why those wait that do: in words, with how many each."""

    up: int = 0
    waits: tuple[tuple[str, int], ...] = ()
    node_hours: float = 0.0

    @property
    def waiting(self) -> int:
        """How many have no nodes yet."""
        return sum(count for _, count in self.waits)


@dataclass(frozen=True)
class Snapshot:
    """Counts of tasks, and what they cost so far. ``oldest``: names one that waits, if any does.

    ``name``: what the user calls it, if he does.
    """

    name: str
    total: int = 0
    done: int = 0  # of these, those that failed or were cancelled, too
    failed: int = 0
    cancelled: int = 0
    running: int = 0  # as far as is known
    oldest: str = ""
    pilots: Pilots = Pilots()
    requests: int = 0
    seconds: float = 0.0  # since it began

    @property
    def pending(self) -> int:
        """Without an outcome."""
        return self.total - self.done

    @property
    def waiting(self) -> int:
        """Not known to run."""
        return max(0, self.pending - self.running)
