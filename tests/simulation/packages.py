"""What is installed at the remote side, and what a client knows of it.

A set of requirements relies on one distribution each, which may change while the run goes on: to
another version that passes, or to one that does not. A verdict may be older than the change.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from .scenario import SPOILT, Drift, Plan

FIRST = "1.0"  # the version of everything, before anything drifts

Accepted = dict[int, tuple[str, ...]]
"""Versions with which a set of requirements has passed, by its number."""


def drifts(chance: random.Random, tasks: Sequence[Plan]) -> tuple[Drift, ...]:
    """What is installed changes under the run, or has changed since the verdict."""
    sets = sorted({plan.requirements for plan in tasks} - {0})
    last = tasks[-1].at + 30.0
    return tuple(
        Drift(
            chance.choice((0.0, chance.uniform(0.0, last))),
            chance.choice(sets),
            chance.choice((SPOILT, FIRST, "1.1", "1.2")),
        )
        for _ in range(chance.choice((0, 1, 1, 2, 3)) if sets else 0)
    )


class Packages:
    """The remote side's."""

    def __init__(self) -> None:
        self.versions: dict[int, str] = {}  # of what each set relies on, where it is not the first
        self.changes = 0
        self.reports: list[dict[int, str]] = []  # what agents have told, by number from 1 on

    def drift(self, drift: Drift) -> None:
        """Somebody installs another."""
        self.versions[drift.requirements] = drift.version
        self.changes += 1

    def version(self, requirements: int) -> str:
        """What is there now."""
        return self.versions.get(requirements, FIRST)

    def report(self, found: dict[int, str]) -> int:
        """An agent tells what it has found."""
        self.reports.append(dict(found))
        return len(self.reports)


class Known:
    """A client's: what a probe found, or what agents have told since."""

    def __init__(self) -> None:
        self._versions: dict[int, str] = {}
        self.accepted: Accepted = {}

    def learn(self, found: dict[int, str]) -> None:
        """Agents have found this."""
        self._versions.update(found)

    def passes(self, requirements: int) -> bool:
        """Whether what a set relies on passes, as far as is known."""
        version = self._versions.get(requirements, FIRST)
        if version == SPOILT:
            return False
        passed = self.accepted.get(requirements, ())
        self.accepted[requirements] = tuple(dict.fromkeys((*passed, version)))
        return True


class Seen:
    """One agent's: what it has found at its claims."""

    def __init__(self, packages: Packages) -> None:
        self._packages = packages
        self._versions: dict[int, str] = {}
        self._held: dict[tuple[str, int], tuple[int, Accepted]] = {}  # claimed, not begun

    def look(self, sets: Accepted) -> bool:
        """Whether something is another than at the last look."""
        found = {number: self._packages.version(number) for number in (*self._versions, *sets)}
        changed = any(found[number] != version for number, version in self._versions.items())
        self._versions = found
        return changed

    def claimed(self, task: tuple[str, int], requirements: int, sets: Accepted) -> None:
        """It is held until it begins or goes back."""
        self._held[task] = requirements, sets

    def let_go(self, *tasks: tuple[str, int]) -> None:
        """They have begun, or are not its own any more."""
        for task in tasks:
            self._held.pop(task, None)

    def look_for(self, task: tuple[str, int]) -> bool:
        """Whether something is another than at the last look, where the task relies on anything."""
        requirements, sets = self._held[task]
        return requirements in sets and self.look({requirements: sets[requirements]})

    def drifted(self) -> tuple[tuple[str, int], ...]:
        """Those that are held and would not find what their sets have passed with."""
        return tuple(task for task, each in self._held.items() if self.lacks(*each))

    def lacks(self, requirements: int, sets: Accepted) -> bool:
        """Whether a task would find what its set has not passed with."""
        passed = sets.get(requirements)
        return passed is not None and self._versions[requirements] not in passed

    def found(self) -> dict[int, str]:
        """All that it knows."""
        return dict(self._versions)
