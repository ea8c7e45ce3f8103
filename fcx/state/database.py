"""The SQLite file of what this machine remembers. The one module that knows sqlite3.

The run key stands in it, so that another process can collect a run: only its user may read it.
Secrets of the API do not. It is opened for each use: several processes share it, and a fork must
not inherit it.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import StateError
from ..files import state_folder

NAME = "journal.sqlite3"
PATIENCE = 30.0
FORK_PATIENCE = 2.0  # seconds that a fork waits for a use of the file to end
DAMAGED = ("not a database", "malformed", "no such column", "no such table", "has no column")

SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (key TEXT PRIMARY KEY, value TEXT NOT NULL, stored REAL NOT NULL);
CREATE TABLE IF NOT EXISTS runs (
  id TEXT PRIMARY KEY, api_url TEXT NOT NULL, system TEXT NOT NULL, directory TEXT NOT NULL,
  run_key TEXT NOT NULL, started REAL NOT NULL, state TEXT NOT NULL, settings TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS tasks (
  run TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, attempt INTEGER NOT NULL,
  PRIMARY KEY (run, id));
CREATE TABLE IF NOT EXISTS keys (
  run TEXT NOT NULL, task TEXT NOT NULL, key TEXT NOT NULL, PRIMARY KEY (run, task));
CREATE TABLE IF NOT EXISTS pilots (
  run TEXT NOT NULL, name TEXT NOT NULL, job TEXT NOT NULL, PRIMARY KEY (run, name));
CREATE TABLE IF NOT EXISTS shapes (
  run TEXT NOT NULL, pilot TEXT NOT NULL, shape TEXT NOT NULL, PRIMARY KEY (run, pilot));
CREATE TABLE IF NOT EXISTS cancels (
  run TEXT NOT NULL, job TEXT NOT NULL, who TEXT NOT NULL, PRIMARY KEY (run, job));
"""

Values = Sequence[object]


class Uses:
    """Uses of files by this process: one at a time, and a fork waits for the one under way.

    SQLite keeps in memory which locks its process holds. A child that was forked while one was held
    would find the file locked for as long as it lives, though nobody holds it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._forking = threading.local()

    @contextmanager
    def one(self, patience: float) -> Iterator[None]:
        """A use; raises sqlite's error where another thread's takes longer than ``patience``."""
        if not self._lock.acquire(timeout=patience):
            raise sqlite3.OperationalError("database is locked")
        try:
            yield
        finally:
            self._lock.release()

    def before_fork(self) -> None:
        """In the thread that forks; it goes on in any case."""
        self._forking.held = self._lock.acquire(timeout=FORK_PATIENCE)

    def after_fork(self) -> None:
        """In the parent."""
        if self._forking.held:
            self._lock.release()

    def after_fork_in_child(self) -> None:
        """There is one thread, and no use."""
        self._lock = threading.Lock()


_uses = Uses()

if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    os.register_at_fork(
        before=_uses.before_fork,
        after_in_parent=_uses.after_fork,
        after_in_child=_uses.after_fork_in_child,
    )


class Database:
    """Rows of the file, in ``folder`` or where fcx keeps its state. Raises StateError.

    ``patience``: seconds to wait for another process.
    """

    def __init__(self, folder: Path | None = None, patience: float = PATIENCE) -> None:
        self._folder = folder
        self.patience = patience

    @property
    def path(self) -> Path:
        """The file. Raises StateError where there is no place for it."""
        return (self._folder or state_folder()) / NAME

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
        path = self.path
        try:
            with _uses.one(self.patience), self._connected(path) as connection:
                connection.execute("PRAGMA synchronous=NORMAL")
                connection.executescript(SCHEMA)
                with connection:
                    yield connection
        except (OSError, sqlite3.Error) as error:
            failed = StateError(f"{path} cannot be used: {self._why(path, error)}")
            failed.busy = "locked" in str(error)
            raise failed from error

    @contextmanager
    def _connected(self, path: Path) -> Iterator[sqlite3.Connection]:
        self._make(path)
        connection = sqlite3.connect(path, timeout=self.patience)
        try:
            yield connection
        finally:
            connection.close()

    @staticmethod
    def _why(path: Path, error: Exception) -> str:
        """The reason, and what to do about it."""
        told, other = str(error), "or name another folder with FCX_STATE_DIR."
        if "locked" in told:
            return f"{told}, by another process. End that (`fuser {path}` names it), {other}"
        if any(word in told for word in DAMAGED):
            return f"{told}. Move it away (`mv {path} {path}.damaged`), {other}"
        if isinstance(error, (FileExistsError, NotADirectoryError)):
            return f"{error.filename} is not what it should be: move it away, {other}"
        if isinstance(error, OSError) and error.strerror:
            told = f"{error.strerror}: {error.filename}"
        return f"{told}. Give it room and the rights to write there, {other}"

    @staticmethod
    def _make(path: Path) -> None:
        """See to it that the file exists and is its user's alone, as are those beside it."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDONLY, 0o600))
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)
