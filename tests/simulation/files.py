"""The run directory on a shared file system: what one side has written, the other sees later.

Contents are what the simulation needs of them; every record of a log is ``RECORD`` bytes long.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

RECORD = 100  # bytes of each record
DAMAGED = object()  # a line that never reads well again


class Log:
    """One segment of an agent's log: records, and when the client's side sees each."""

    def __init__(self) -> None:
        self.records: list[Any] = []
        self._seen: list[float] = []

    def append(self, record: Any, when: float) -> None:
        """Write one; it is seen at this time, and never before those before it."""
        self._seen.append(max(when, self._seen[-1]) if self._seen else when)
        self.records.append(record)

    def visible(self, now: float) -> int:
        """How many records the client's side sees."""
        return bisect_right(self._seen, now)


class Folder:
    """Small files, each with the time from which the other side sees it."""

    def __init__(self) -> None:
        self.files: dict[str, tuple[Any, float]] = {}

    def put(self, name: str, content: Any, seen: float) -> None:
        """Write a file."""
        self.files[name] = content, seen

    def get(self, name: str) -> Any:
        """Its content as its own side sees it, None where there is none."""
        found = self.files.get(name)
        return found[0] if found else None

    def visible(self, now: float) -> list[tuple[str, Any]]:
        """What the other side sees, in the order of names."""
        return [
            (name, self.files[name][0]) for name in sorted(self.files) if self.files[name][1] <= now
        ]


class RunDirectory:
    """All folders; ``life`` counts how often it was made, so that who held it knows it gone."""

    def __init__(self) -> None:
        self.exists = False
        self.life = 0
        self._empty()

    def _empty(self) -> None:
        self.inbox = Folder()  # bundles, orders, closed
        self.claims = Folder()
        self.locks = Folder()
        self.logs: dict[str, Log] = {}
        self.notes = Folder()  # beats and exit notes, beside the logs
        self.parts: dict[tuple[str, int], int] = {}
        self.modules: dict[str, None] = {}
        self.configs: dict[str, Any] = {}
        self.initializer = False
        self.clients = 1  # that it has belonged to

    def make(self) -> None:
        """Make it where it is missing."""
        if not self.exists:
            self.exists = True
            self.life += 1

    def remove(self) -> None:
        """All of it is gone."""
        self.exists = False
        self._empty()
