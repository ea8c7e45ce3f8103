"""Ledgers are the user's alone, found by what was served last, and bounded."""

from __future__ import annotations

import os
import time

import pytest

from fcx.state import ledger


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("FCX_STATE_DIR", str(tmp_path))
    return tmp_path / "ledgers"


def written(run: str, *data: bytes, at: float | None = None) -> None:
    file = ledger.LedgerFile(run)
    for one in data:
        file.append(one)
    if at is not None:
        own = ledger.folder() / run
        for path in (*own.iterdir(), own):
            os.utime(path, (at, at))


def test_each_process_appends_to_a_file_of_its_own():
    written("a", b"1\n", b"2\n")
    written("a", b"3\n")
    assert ledger.read("a") == [b"1\n2\n", b"3\n"]
    assert ledger.first_line("a") == b"1\n"
    assert ledger.size("a") == 6


def test_nobody_else_can_read_it(state):
    written("a", b"1\n")
    assert (state / "a").stat().st_mode & 0o777 == 0o700
    assert next((state / "a").iterdir()).stat().st_mode & 0o777 == 0o600


def test_the_run_that_was_served_last_is_the_first():
    written("a", b"1\n", at=2000)
    written("b", b"1\n", at=1000)
    assert ledger.runs() == ["b", "a"]
    written("a", b"2\n")
    assert ledger.runs() == ["a", "b"]


def test_of_a_run_that_is_not_known_there_is_nothing():
    assert ledger.runs() == []
    assert ledger.read("a") == []
    assert ledger.size("a") == 0
    assert ledger.first_line("a") == b""


def test_the_oldest_go_and_the_one_that_is_served_stays(monkeypatch):
    monkeypatch.setattr(ledger, "MOST_RUNS", 2)
    for n, run in enumerate("abcd"):
        written(run, b"1\n", at=1000 + n)
    assert sorted(ledger.runs()) == ["c", "d"]
    ledger.prune("c")
    assert "c" in ledger.runs()


def test_one_that_is_written_to_is_no_old_one(monkeypatch):
    monkeypatch.setattr(ledger, "MOST_RUNS", 2)
    written("a", b"1\n", at=1000)
    written("b", b"1\n", at=2000)
    for path in (ledger.folder() / "a").iterdir():
        os.utime(path, (3000, 3000))
    written("c", b"1\n", at=2500)
    ledger.prune()
    assert sorted(ledger.runs()) == ["a", "c"]


def test_what_is_no_ledger_is_left_alone(monkeypatch):
    monkeypatch.setattr(ledger, "MOST_RUNS", 1)
    written("a", b"1\n", at=1000)
    (ledger.folder() / ".DS_Store").write_bytes(b"x")
    written("b", b"1\n", at=2000)
    assert ledger.runs() == ["b"]
    assert (ledger.folder() / ".DS_Store").exists()


def test_large_ones_make_room(monkeypatch):
    written("a", b"x" * 100, at=1000)
    monkeypatch.setattr(ledger, "MOST_BYTES", 150)
    written("b", b"x" * 100, at=2000)
    written("c", b"x")
    assert "a" not in ledger.runs()


def test_a_file_is_full_at_some_point(monkeypatch):
    monkeypatch.setattr(ledger, "LARGEST", 10)
    file = ledger.LedgerFile("a")
    file.append(b"12345")
    assert not file.full
    file.append(b"67890")
    assert file.full


def test_a_name_leads_nowhere_else(state):
    written("../evil/x", b"1\n")
    assert [path.name for path in state.iterdir()] == [".._evil_x"]


def test_to_ask_for_a_run_makes_it_no_newer():
    ledger.LedgerFile("asked for").append(b"{}\n")
    ledger.LedgerFile("second").append(b"{}\n")
    os.utime(ledger.folder() / "second", (time.time() - 60,) * 2)
    ledger.LedgerFile("asked for", asked=True).append(b"{}\n")
    assert ledger.runs() == ["second", "asked_for"]
    assert len(ledger.read("asked for")) == 2


def test_two_runs_of_one_second_keep_their_order(monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 1_795_764_000.0)
    names = [f"run-{n}" for n in (3, 1, 2)]
    for name in names:
        ledger.LedgerFile(name).append(b"{}\n")
    assert ledger.runs() == names[::-1]


def test_what_is_written_after_a_torn_line_is_a_line_of_its_own(monkeypatch):
    file = ledger.LedgerFile("run")
    file.append(b"one\n")
    real = type(file._path).open

    class Full:
        """Takes three bytes, and no more."""

        def __init__(self, path):
            self.file = real(path, "ab", buffering=0)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def write(self, data):
            self.file.write(data[:3])
            raise OSError(28, "No space left on device")

    with monkeypatch.context() as context:
        context.setattr(type(file._path), "open", lambda path, mode: Full(path))
        with pytest.raises(OSError, match="No space"):
            file.append(b"two and more\n")
    file.append(b"three\n")
    assert ledger.read("run") == [b"one\ntwo\nthree\n"]
