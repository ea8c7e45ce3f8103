"""The SQLite file of what this machine remembers. The one module that knows sqlite3.

The run key stands in it, so that another process can collect a run: only its user may read it.
Secrets of the API do not. It is opened for each use: several processes share it, and a fork must
not inherit it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import StateError
from ..files import state_folder

NAME = "journal.sqlite3"
PATIENCE = 30.0  # seconds to wait for another process

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

Values = Sequence[object]


class Database:
    """Rows of the file, in ``folder`` or where fcx keeps its state. Raises StateError."""

    def __init__(self, folder: Path | None = None) -> None:
        self.path = (folder or state_folder()) / NAME

    def rows(self, query: str, values: Values = ()) -> list[tuple[Any, ...]]:
        """What a query finds."""
        with self._open() as connection:
            return connection.execute(query, values).fetchall()

    def change(self, *statements: tuple[str, Iterable[Values]]) -> None:
        """Carry out statements, each for all its sets of values: all of it, or nothing."""
        with self._open() as connection:
            for statement, many in statements:
                connection.executemany(statement, many)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            self._make()
            connection = sqlite3.connect(self.path, timeout=PATIENCE)
            try:
                connection.execute("PRAGMA synchronous=NORMAL")
                connection.executescript(SCHEMA)
                with connection:
                    yield connection
            finally:
                connection.close()
        except (OSError, sqlite3.Error) as error:
            raise StateError(
                f"{self.path} cannot be used: {error}. Give it room and the rights to write there, "
                "or name another folder with FCX_STATE_DIR."
            ) from error

    def _make(self) -> None:
        """See to it that the file exists and is its user's alone, as are those beside it."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(self.path, os.O_CREAT | os.O_RDONLY, 0o600))
        if self.path.stat().st_mode & 0o077:
            self.path.chmod(0o600)
