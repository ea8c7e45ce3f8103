"""The journal of runs: what one process writes another reads, whatever befalls the file."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from fcx.errors import StateError
from fcx.state.facts import Facts
from fcx.state.journal import Journal, RunRecord

KEY = bytes(range(32))


def record(run: str = "r1", started: float = 1.0) -> RunRecord:
    """A run that has begun."""
    where = ("https://api", "daint", f"/w/.fcx-me/{run}")
    return RunRecord(run, *where, KEY, started, "open", {"max_workers": 3, "parity": "strict"})


def test_a_run_and_all_that_belongs_to_it(tmp_path: Path):
    """Written by one object, read by another."""
    journal = Journal(tmp_path)
    journal.open_run(record())
    journal.add_tasks("r1", [("t2", "f", 0), ("t1", "g", 0)])
    journal.add_tasks("r1", iter([("t2", "f", 1)]))
    journal.add_pilot("r1", "p1", "17")
    journal.add_pilot("r1", "p1", "18")
    again = Journal(tmp_path)
    assert again.run("r1") == record()
    assert again.tasks("r1") == [("t1", "g", 0), ("t2", "f", 1)]
    assert again.pilots("r1") == [("p1", "18")]
    assert again.run("r2") is None


def test_shapes_of_pilots_and_what_a_run_is_made_with_since(tmp_path: Path):
    """They are a run's, and go with it; of pilots of no shape of their own there is nothing."""
    journal = Journal(tmp_path)
    journal.open_run(record())
    journal.add_pilot("r1", "p1", "")
    journal.add_pilot("r1", "p2", "", "shape-1")
    journal.add_pilot("r1", "p2", "18", "shape-1")
    journal.set_settings("r1", {"shapes": [{"workers_per_node": 2}]})
    assert journal.shapes("r1") == {"p2": "shape-1"}
    known = journal.run("r1")
    assert known is not None
    assert known.settings == {"shapes": [{"workers_per_node": 2}]}
    journal.end_run("r1", kept=False)
    assert journal.shapes("r1") == {}


def test_of_two_that_begin_a_run_at_once_one_does(tmp_path: Path):
    """The other is told, and what the journal has is not touched."""
    journal = Journal(tmp_path)
    assert journal.begin_run(record())
    assert not journal.begin_run(replace(record(), key=KEY[::-1]))
    assert journal.begin_run(record(started=2.0))
    assert journal.run("r1") == record()


@pytest.mark.parametrize(
    "change",
    [
        "settings = '{'",
        "settings = '[]'",
        "settings = x'ff'",
        "run_key = 'zz'",
        "directory = 'relative'",
        "started = 'yesterday'",
        "api_url = x'00'",
    ],
)
def test_an_entry_that_makes_no_sense_spoils_no_other(tmp_path: Path, change: str):
    """It is told of, and what enters it anew."""
    journal = Journal(tmp_path)
    for run in ("r1", "r2"):
        journal.open_run(record(run))
    with sqlite3.connect(tmp_path / "journal.sqlite3") as connection:
        connection.execute(f"UPDATE runs SET {change} WHERE id = 'r1'")
    connection.close()
    assert [found.id for found in journal.runs()] == ["r2"]
    assert "of run r1 is damaged" in journal.damaged()["r1"]
    with pytest.raises(StateError, match="of run r1 is damaged"):
        journal.run("r1")
    journal.open_run(record("r1"))
    assert journal.run("r1") == record("r1")
    assert not journal.damaged()


def test_runs_come_newest_first_and_end(tmp_path: Path):
    """A kept one stays; one that ended leaves nothing."""
    journal = Journal(tmp_path)
    for number in range(3):
        journal.open_run(record(f"r{number}", number))
        journal.add_tasks(f"r{number}", [("t1", "f", 0)])
        journal.add_pilot(f"r{number}", "p1", "1")
        journal.add_cancel(f"r{number}", "1", "first")
        journal.add_cancel(f"r{number}", "1", "second")
    journal.end_run("r0", kept=False)
    journal.end_run("r1", kept=True)
    assert [(run.id, run.state) for run in journal.runs()] == [("r2", "open"), ("r1", "kept")]
    assert (journal.tasks("r0"), journal.pilots("r0")) == ([], [])
    assert journal.tasks("r1") == [("t1", "f", 0)]
    assert (journal.cancels("r0"), journal.cancels("r1")) == ({}, {"1": "first"})


def test_the_key_is_in_no_repr(tmp_path: Path):
    """Whoever has it can forge records of the run."""
    journal = Journal(tmp_path)
    journal.open_run(record())
    shown = repr(journal.run("r1")) + repr(journal.runs()) + str(record())
    assert "r1" in shown
    for spelt in (KEY.hex(), repr(KEY), str(KEY)[2:-1]):
        assert spelt not in shown


def test_only_its_user_may_read_it(tmp_path: Path):
    """From the first moment, and again where somebody opened it up."""
    old = os.umask(0)
    try:
        Journal(tmp_path / "state").runs()
    finally:
        os.umask(old)
    path = tmp_path / "state" / "journal.sqlite3"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    path.chmod(0o644)
    Journal(tmp_path / "state").runs()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_of_an_older_fcx(tmp_path: Path):
    """The tables are the same ever since."""
    with sqlite3.connect(tmp_path / "journal.sqlite3") as old:
        old.executescript(
            "CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL, stored REAL NOT NULL);"
            "CREATE TABLE runs (id TEXT PRIMARY KEY, api_url TEXT NOT NULL, system TEXT NOT NULL,"
            " directory TEXT NOT NULL, run_key TEXT NOT NULL, started REAL NOT NULL,"
            " state TEXT NOT NULL, settings TEXT NOT NULL);"
            "CREATE TABLE tasks (run TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL,"
            " attempt INTEGER NOT NULL, PRIMARY KEY (run, id));"
            "CREATE TABLE pilots (run TEXT NOT NULL, name TEXT NOT NULL, job TEXT NOT NULL,"
            " PRIMARY KEY (run, name));"
            "INSERT INTO runs VALUES ('r1', 'https://api', 'daint', '/w/.fcx-me/r1', '"
            + KEY.hex()
            + '\', 1.0, \'open\', \'{"max_workers": 3, "parity": "strict"}\');'
            "INSERT INTO tasks VALUES ('r1', 't1', 'f', 2);"
            "INSERT INTO facts VALUES ('user', '\"me\"', 1.0)"
        )
    old.close()
    journal = Journal(tmp_path)
    assert journal.runs() == [record()]
    assert journal.tasks("r1") == [("t1", "f", 2)]
    found = Facts(tmp_path).get_with_age("user")
    assert found is not None
    assert found[0] == "me"


def test_a_change_is_whole_or_nothing(tmp_path: Path):
    """Here the second of two tasks cannot be written."""
    journal = Journal(tmp_path)
    journal.open_run(record())
    with pytest.raises(StateError):
        journal.add_tasks("r1", [("t1", "f", 0), ("t2", None, 0)])  # type: ignore[list-item]
    assert journal.tasks("r1") == []


@pytest.mark.parametrize("damage", [b"no database", b""])
def test_a_file_that_is_none(tmp_path: Path, damage: bytes):
    """Said with its path and what to do; an empty one is as good as new."""
    (tmp_path / "journal.sqlite3").write_bytes(damage)
    if not damage:
        assert Journal(tmp_path).runs() == []
        return
    with pytest.raises(StateError, match="FCX_STATE_DIR") as caught:
        Journal(tmp_path).runs()
    assert str(tmp_path / "journal.sqlite3") in str(caught.value)


def test_a_folder_that_cannot_be(tmp_path: Path):
    """The same for what the system refuses."""
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match="file"):
        Journal(tmp_path / "file" / "state").open_run(record())


def test_several_processes_write_at_once(tmp_path: Path):
    """They wait for each other."""
    code = (
        "import sys; from pathlib import Path; from fcx.state.journal import Journal\n"
        "for i in range(40): Journal(Path(sys.argv[1])).add_pilot('r1', sys.argv[2] + str(i), '1')"
    )
    words = [sys.executable, "-c", code, str(tmp_path)]
    writers = [subprocess.Popen([*words, name]) for name in "abc"]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert len(Journal(tmp_path).pilots("r1")) == 120
