"""A run can do without what this machine remembers: it says so once, with what to do."""

from __future__ import annotations

import logging
import os
import sqlite3
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from executors.deadline import WAIT, eventually
from small_disk import fill, small_disk

from fcx.errors import StateError
from fcx.state import memory as memories
from fcx.state.journal import Journal, RunRecord
from fcx.state.memory import Memory

RECORD = RunRecord("r1", "http://api", "system", "/scratch/r1", b"k" * 32, 1.0, "open", {})


def corrupt(folder: Path):
    (folder / "journal.sqlite3").write_bytes(bytes(range(256)) * 20)


def not_a_folder(folder: Path):
    folder.rmdir()
    folder.write_text("")


def another_schema(folder: Path):
    with sqlite3.connect(folder / "journal.sqlite3") as connection:
        connection.execute("CREATE TABLE facts (other TEXT)")
        connection.execute("CREATE TABLE runs (other TEXT)")
    connection.close()


def use(memory: Memory):
    """As a run does."""
    assert memory.get("fact", 60.0) is None
    memory.store("fact", 1)
    memory.forget("fact")
    for work in (lambda: memory.journal.open_run(RECORD), lambda: memory.journal.add_pilot(*"abc")):
        with pytest.raises(StateError):
            memory.record(work)


def warnings(caplog) -> list[str]:
    return [found.getMessage() for found in caplog.records if found.levelno >= logging.WARNING]


@pytest.mark.parametrize(
    ("spoil", "remedy"),
    [
        (corrupt, "Move it away (`mv {folder}/journal.sqlite3 "),
        (another_schema, "Move it away (`mv {folder}/journal.sqlite3 "),
        (not_a_folder, "{folder} is not what it should be: move it away"),
    ],
)
def test_what_cannot_be_used_is_told_once(tmp_path: Path, caplog, spoil, remedy: str):
    folder = tmp_path / "state"
    folder.mkdir()
    spoil(folder)
    use(Memory(logging.getLogger("fcx"), folder))
    (told,) = warnings(caplog)
    assert told.startswith(f"{folder}/journal.sqlite3 cannot be used: ")
    assert remedy.format(folder=folder) in told
    assert "FCX_STATE_DIR" in told
    assert "only fcx.attach(directory=..., key=...) can collect them" in told


@pytest.mark.parametrize("options", ["size=64k", "size=64k,nr_inodes=2"])
@pytest.mark.slow
def test_a_full_disk(tmp_path: Path, caplog, options: str):
    with small_disk(tmp_path / "state", options) as folder:
        fill(folder)
        use(Memory(logging.getLogger("fcx"), folder))
    (told,) = warnings(caplog)
    assert "Give it room" in told


def test_a_disk_that_may_only_be_read(tmp_path: Path, caplog):
    with small_disk(tmp_path / "state", "size=1m") as folder:
        Memory(logging.getLogger("fcx"), folder).store("fact", 1)
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        memory = Memory(logging.getLogger("fcx"), folder)
        memory.store("fact", 2)
        memory.store("fact", 3)
    (told,) = warnings(caplog)
    assert "readonly" in told


def test_no_home(tmp_path: Path, caplog, monkeypatch):
    """Of a user whom no /etc/passwd knows, as in a container; nothing is written to ``~``."""
    monkeypatch.chdir(tmp_path)
    for name in ("FCX_STATE_DIR", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    use(Memory(logging.getLogger("fcx")))
    (told,) = warnings(caplog)
    assert "has no home directory" in told
    assert not list(tmp_path.iterdir())


def test_what_could_not_be_taken_down_is_taken_down_later(tmp_path: Path, caplog, monkeypatch):
    """Another process holds the file for a while: in the end the journal has everything."""
    monkeypatch.setattr(memories, "PATIENCE", 0.05)
    monkeypatch.setattr(memories, "PAUSE", 0.2)
    caplog.set_level(logging.INFO)
    journal = Journal(tmp_path)
    assert journal.runs() == []
    memory = Memory(logging.getLogger("fcx"), tmp_path)
    other = sqlite3.connect(tmp_path / "journal.sqlite3", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    works = [
        lambda: memory.journal.open_run(RECORD),
        lambda: memory.journal.add_tasks("r1", [("t1", "f", 0)]),
        lambda: memory.journal.add_tasks("r1", [("t1", "f", 1)]),
    ]
    began = time.monotonic()
    for work in works:
        with pytest.raises(StateError):
            memory.record(work)
    other.execute("COMMIT")
    other.close()
    eventually(lambda: journal.tasks("r1") == [("t1", "f", 1)] and journal.run("r1"))
    eventually(lambda: "the journal is complete" in caplog.text)
    (told,) = warnings(caplog)
    assert "database is locked, by another process" in told
    assert time.monotonic() - began >= 0.2
    memory.record(lambda: memory.journal.add_pilot("r1", "p", "1"))
    assert journal.pilots("r1") == [("p", "1")]


@pytest.mark.parametrize("long", [False, True])
def test_the_end_of_a_run_waits_for_who_holds_the_file(tmp_path: Path, caplog, monkeypatch, long):
    """Nobody would write it down later; but not for ever, and it says so."""
    monkeypatch.setattr(memories, "PATIENCE", 0.05)
    monkeypatch.setattr(memories, "LAST_PATIENCE", 1.0 if long else WAIT)
    journal = Journal(tmp_path)
    assert journal.runs() == []
    memory = Memory(logging.getLogger("fcx"), tmp_path)
    other = sqlite3.connect(tmp_path / "journal.sqlite3", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StateError):
        memory.record(lambda: memory.journal.open_run(RECORD))
    ended = ThreadPoolExecutor(1).submit(
        memory.complete, lambda: memory.journal.end_run("r1", kept=True)
    )
    eventually(lambda: "Waiting for the journal" in caplog.text)
    if long:
        assert isinstance(ended.exception(WAIT), StateError)
    other.execute("COMMIT")
    other.close()
    if not long:
        assert ended.result(WAIT) is None
        assert [run.state for run in journal.runs()] == ["kept"]


def test_a_damaged_file_is_not_waited_for(tmp_path: Path, caplog):
    """It does not become whole by itself."""
    corrupt(tmp_path)
    memory = Memory(logging.getLogger("fcx"), tmp_path)
    with pytest.raises(StateError):
        memory.complete(lambda: memory.journal.end_run("r1", kept=True))
    assert "Waiting" not in caplog.text


@pytest.mark.parametrize("value", [b"\xff\xfe", "{", "null"])
def test_a_damaged_fact_is_none(tmp_path: Path, value):
    memory = Memory(logging.getLogger("fcx"), tmp_path)
    memory.store("fact", 1)
    with sqlite3.connect(tmp_path / "journal.sqlite3") as connection:
        connection.execute("UPDATE facts SET value = ?", (value,))
    connection.close()
    assert memory.get("fact", 60.0) is None
