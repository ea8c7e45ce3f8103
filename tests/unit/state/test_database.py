"""The file of what this machine remembers, as processes and threads share it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from executors.deadline import WAIT, within

from fcx.errors import StateError
from fcx.state.database import Database

ENTER = "INSERT OR REPLACE INTO facts VALUES (?, ?, ?)"


class Slow:
    """A change that lasts until it is let go, in a thread of its own."""

    def __init__(self, database: Database) -> None:
        self.inside, self.go_on = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=database.change, args=((ENTER, self._values()),))
        self._thread.start()
        assert self.inside.wait(WAIT)

    def _values(self) -> Iterator[tuple[object, ...]]:
        yield "first", "1", 0.0  # from here on the file is locked
        self.inside.set()
        self.go_on.wait(WAIT)
        yield "second", "2", 0.0

    def end(self) -> None:
        """Let it go."""
        self.go_on.set()
        self._thread.join(WAIT)


# Python warns of what is tried here: that a process with threads is forked.
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_a_child_that_is_forked_in_the_middle_of_a_change_can_use_it(tmp_path: Path):
    """SQLite would remember in the child, for ever, a lock that only its parent held."""
    database = Database(tmp_path, 0.5)
    slow = Slow(database)
    threading.Timer(0.2, slow.end).start()
    pid = os.fork()
    if pid == 0:
        try:
            found = len(database.rows("SELECT * FROM facts"))
            database.change((ENTER, [("third", "3", 0.0)]))
        except BaseException:
            os._exit(100)
        os._exit(found)
    _, status = within(WAIT, os.waitpid, pid, 0)
    assert os.waitstatus_to_exitcode(status) == 2
    assert len(database.rows("SELECT * FROM facts")) == 3


def test_a_use_that_takes_long_is_not_waited_for_for_ever(tmp_path: Path):
    """Neither by a thread nor by a fork."""
    slow = Slow(Database(tmp_path, 30.0))
    with pytest.raises(StateError, match="database is locked") as caught:
        Database(tmp_path, 0.1).rows("SELECT * FROM facts")
    assert caught.value.busy
    slow.end()
    assert len(Database(tmp_path, 0.1).rows("SELECT * FROM facts")) == 2
