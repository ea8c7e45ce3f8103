"""Ledgers are the user's alone, found by what was served last, and bounded."""

from __future__ import annotations

import os

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
