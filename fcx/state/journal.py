"""What this machine remembers: its runs, and what it has learnt of clusters. One SQLite file.

The run key stands in it (the file is 0600), so that another process can collect a run; secrets of
the API do not.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..files import state_folder

SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (key TEXT PRIMARY KEY, value TEXT NOT NULL, stored REAL NOT NULL);
CREATE TABLE IF NOT EXISTS runs (
  id TEXT PRIMARY KEY, api_url TEXT NOT NULL, system TEXT NOT NULL, directory TEXT NOT NULL,
  run_key TEXT NOT NULL, started REAL NOT NULL, state TEXT NOT NULL, settings TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS tasks (
  run TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, attempt INTEGER NOT NULL,
  PRIMARY KEY (run, id));
CREATE TABLE IF NOT EXISTS pilots (
  run TEXT NOT NULL, name TEXT NOT NULL, job TEXT NOT NULL, PRIMARY KEY (run, name));
"""


@dataclass(frozen=True)
class RunRecord:
    """A run as the journal has it."""

    id: str
    api_url: str
    system: str
    directory: str
    key: bytes
    started: float
    state: str  # open | closed | kept
    settings: Mapping[str, Any]


class Journal:
    """The file, opened for each use: several processes share it, and a fork must not inherit it."""

    def __init__(self, folder: Path | None = None) -> None:
        self.path = (folder or state_folder()) / "journal.sqlite3"
        self._lock = threading.Lock()

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._lock:
            if not self.path.exists():
                self.path.touch(mode=0o600)
            connection = sqlite3.connect(self.path, timeout=30.0)
            try:
                connection.execute("PRAGMA synchronous=NORMAL")
                connection.executescript(SCHEMA)
                with connection:
                    yield connection
            finally:
                connection.close()

    # -- facts ------------------------------------------------------------------------------

    def fact(self, key: str, max_age: float) -> Any:
        """What was stored under a key, None where it is older than ``max_age`` seconds."""
        found = self.fact_with_age(key)
        return found[0] if found and found[1] <= max_age else None

    def fact_with_age(self, key: str) -> tuple[Any, float] | None:
        """What was stored under a key, and how many seconds ago."""
        with self._open() as db:
            row = db.execute("SELECT value, stored FROM facts WHERE key = ?", (key,)).fetchone()
        return (json.loads(row[0]), max(0.0, time.time() - row[1])) if row else None

    def store(self, key: str, value: Any) -> None:
        """Remember a JSON value."""
        with self._open() as db:
            db.execute(
                "INSERT OR REPLACE INTO facts VALUES (?, ?, ?)",
                (key, json.dumps(value), time.time()),
            )

    def forget(self, key: str) -> None:
        """Remember it no longer."""
        with self._open() as db:
            db.execute("DELETE FROM facts WHERE key = ?", (key,))

    # -- runs -------------------------------------------------------------------------------

    def open_run(self, record: RunRecord) -> None:
        """Remember a run that begins."""
        with self._open() as db:
            db.execute(
                "INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    record.id,
                    record.api_url,
                    record.system,
                    record.directory,
                    record.key.hex(),
                    record.started,
                    record.state,
                    json.dumps(dict(record.settings)),
                ),
            )

    def add_tasks(self, run: str, tasks: Iterable[tuple[str, str, int]]) -> None:
        """Remember (id, name, attempt) of calls that were sent."""
        with self._open() as db:
            db.executemany(
                "INSERT OR REPLACE INTO tasks VALUES (?, ?, ?, ?)",
                [(run, *task) for task in tasks],
            )

    def add_pilot(self, run: str, name: str, job: str) -> None:
        """Remember a job of a run."""
        with self._open() as db:
            db.execute("INSERT OR REPLACE INTO pilots VALUES (?, ?, ?)", (run, name, job))

    def end_run(self, run: str, *, kept: bool) -> None:
        """A run is over: forget it, unless its directory was kept."""
        with self._open() as db:
            if kept:
                db.execute("UPDATE runs SET state = 'kept' WHERE id = ?", (run,))
                return
            for table, column in (("tasks", "run"), ("pilots", "run"), ("runs", "id")):
                db.execute(f"DELETE FROM {table} WHERE {column} = ?", (run,))  # noqa: S608 - fixed names

    def run(self, run: str) -> RunRecord | None:
        """One run."""
        with self._open() as db:
            row = db.execute("SELECT * FROM runs WHERE id = ?", (run,)).fetchone()
        return _record(row) if row else None

    def runs(self) -> list[RunRecord]:
        """All runs that are open or kept, the newest first."""
        with self._open() as db:
            rows = db.execute("SELECT * FROM runs ORDER BY started DESC").fetchall()
        return [_record(row) for row in rows]

    def tasks(self, run: str) -> list[tuple[str, str, int]]:
        """(id, name, attempt) of the calls of a run, in the order of submission."""
        with self._open() as db:
            return db.execute(
                "SELECT id, name, attempt FROM tasks WHERE run = ? ORDER BY id", (run,)
            ).fetchall()

    def pilots(self, run: str) -> list[tuple[str, str]]:
        """(name, job) of the pilots of a run."""
        with self._open() as db:
            return db.execute("SELECT name, job FROM pilots WHERE run = ?", (run,)).fetchall()


def _record(row: tuple[Any, ...]) -> RunRecord:
    run, api_url, system, directory, key, started, state, settings = row
    return RunRecord(
        run, api_url, system, directory, bytes.fromhex(key), started, state, json.loads(settings)
    )
