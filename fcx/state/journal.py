"""The journal of runs: what another process needs to go on with one whose process is gone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import StateError
from .database import PATIENCE, Database


@dataclass(frozen=True)
class RunRecord:
    """A run as the journal has it."""

    id: str
    api_url: str
    system: str
    directory: str
    key: bytes = field(repr=False)  # forging records with it would run code
    started: float
    state: str  # open | kept: it was left, and its directory is there
    settings: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Its name: that of its directory."""
        return self.directory.rstrip("/").rpartition("/")[2]


class Journal:
    """Runs of this machine that were not collected to the end. Raises StateError."""

    def __init__(self, folder: Path | None = None, patience: float = PATIENCE) -> None:
        self._database = Database(folder, patience)

    def open_run(self, record: RunRecord) -> None:
        """Remember a run that begins, or goes on."""
        self._database.change((_OPEN, [_row(record)]))

    def begin_run(self, record: RunRecord) -> bool:
        """Remember a run that is new, unless it is known; whether it is the one that is known.

        Of two processes that begin a run of one name at once, one is told that it has not.
        """
        self._database.change((_BEGIN, [_row(record)]))
        known = self.run(record.id)
        return known is not None and known.key == record.key

    def add_tasks(
        self, run: str, tasks: Iterable[tuple[str, str, int]], keys: Mapping[str, str] | None = None
    ) -> None:
        """Remember (id, name, attempt) of tasks that are about to be sent; ``keys`` by id."""
        rows = [(run, *task) for task in tasks]
        keyed = [(run, task, key) for task, key in (keys or {}).items()]
        self._database.change(
            ("INSERT OR REPLACE INTO tasks VALUES (?, ?, ?, ?)", rows),
            ("INSERT OR REPLACE INTO keys VALUES (?, ?, ?)", keyed),
        )

    def add_pilot(self, run: str, name: str, job: str, shape: str = "") -> None:
        """Remember a job of a run, and whose bundles it takes where that is a shape of its own."""
        row, shaped = (run, name, job), [(run, name, shape)] if shape else []
        self._database.change(
            ("INSERT OR REPLACE INTO pilots VALUES (?, ?, ?)", [row]),
            ("INSERT OR REPLACE INTO shapes VALUES (?, ?, ?)", shaped),
        )

    def set_settings(self, run: str, settings: Mapping[str, Any]) -> None:
        """What a run is made with is more than it was when it began."""
        row = (json.dumps(dict(settings)), run)
        self._database.change(("UPDATE runs SET settings = ? WHERE id = ?", [row]))

    def add_cancel(self, run: str, job: str, who: str) -> None:
        """Remember which program of ours cancels a job of a run: the first that does."""
        row = (run, job, who)
        self._database.change(("INSERT OR IGNORE INTO cancels VALUES (?, ?, ?)", [row]))

    def end_run(self, run: str, *, kept: bool) -> None:
        """A run is over: forget it, unless its directory was kept."""
        if kept:
            self._database.change(("UPDATE runs SET state = 'kept' WHERE id = ?", [(run,)]))
            return
        self._database.change(
            ("DELETE FROM tasks WHERE run = ?", [(run,)]),
            ("DELETE FROM keys WHERE run = ?", [(run,)]),
            ("DELETE FROM pilots WHERE run = ?", [(run,)]),
            ("DELETE FROM shapes WHERE run = ?", [(run,)]),
            ("DELETE FROM cancels WHERE run = ?", [(run,)]),
            ("DELETE FROM runs WHERE id = ?", [(run,)]),
        )

    def run(self, run: str) -> RunRecord | None:
        """One run, by its id. Raises StateError for an entry that makes no sense."""
        rows = self._database.rows("SELECT * FROM runs WHERE id = ?", (run,))
        record = _record(rows[0]) if rows else None
        if rows and record is None:
            raise StateError(self._damaged(run))
        return record

    def named(self, name: str) -> list[RunRecord]:
        """Runs of this name or id: one name may stand for runs on several clusters."""
        return [record for record in self.runs() if name in {record.id, record.name}]

    def runs(self) -> list[RunRecord]:
        """All runs that are open or kept, the newest first; without entries that make no sense."""
        return [record for row in self._database.rows(_RUNS) if (record := _record(row))]

    def damaged(self) -> dict[str, str]:
        """Ids of entries that make no sense, and what is to be said of each."""
        rows = self._database.rows(_RUNS)
        return {str(row[0]): self._damaged(str(row[0])) for row in rows if _record(row) is None}

    def _damaged(self, run: str) -> str:
        return (
            f"What {self._database.path} has of run {run} is damaged: `fcx runs attach --directory "
            "DIRECTORY --key KEY` enters it anew; without its key nobody can go on with it."
        )

    def tasks(self, run: str) -> list[tuple[str, str, int]]:
        """(id, name, attempt) of the tasks of a run, in the order of submission."""
        return [
            (str(row[0]), str(row[1]), int(row[2])) for row in self._database.rows(_TASKS, (run,))
        ]

    def keys(self, run: str) -> dict[str, str]:
        """The keys by which tasks of a run are asked for again, by id."""
        return {str(row[0]): str(row[1]) for row in self._database.rows(_KEYS, (run,))}

    def pilots(self, run: str) -> list[tuple[str, str]]:
        """(name, job) of the pilots of a run."""
        return [(str(row[0]), str(row[1])) for row in self._database.rows(_PILOTS, (run,))]

    def shapes(self, run: str) -> dict[str, str]:
        """Whose bundles pilots of a run take, by name, where they are of a shape of their own."""
        return {str(row[0]): str(row[1]) for row in self._database.rows(_SHAPES, (run,))}

    def cancels(self, run: str) -> dict[str, str]:
        """Jobs of a run that a program of ours has cancelled, and which did."""
        return {str(row[0]): str(row[1]) for row in self._database.rows(_CANCELS, (run,))}


_OPEN = "INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_BEGIN = "INSERT OR IGNORE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_RUNS = "SELECT * FROM runs ORDER BY started DESC"
_TASKS = "SELECT id, name, attempt FROM tasks WHERE run = ? ORDER BY id"
_KEYS = "SELECT task, key FROM keys WHERE run = ?"
_CANCELS = "SELECT job, who FROM cancels WHERE run = ?"
_SHAPES = "SELECT pilot, shape FROM shapes WHERE run = ?"
_PILOTS = "SELECT name, job FROM pilots WHERE run = ?"


def _row(record: RunRecord) -> tuple[object, ...]:
    settings = json.dumps(dict(record.settings))
    place = (record.id, record.api_url, record.system, record.directory)
    return (*place, record.key.hex(), record.started, record.state, settings)


def _record(row: tuple[Any, ...]) -> RunRecord | None:
    """None for one that makes no sense: whoever repairs a file by hand may have hit it."""
    run, api_url, system, directory, key, started, state, settings = row
    texts = (run, api_url, system, directory, key, state, settings)
    if not all(isinstance(text, str) for text in texts) or not isinstance(started, float):
        return None
    try:
        secret, found = bytes.fromhex(key), json.loads(settings)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not directory.startswith("/"):
        return None
    return RunRecord(run, api_url, system, directory, secret, started, state, found)
