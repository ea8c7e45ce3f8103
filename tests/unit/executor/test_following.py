"""Pieces of output: which of them count, and what is left at the end."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from fcx.errors import Unreachable
from fcx.executor import following, reporting
from fcx.executor.core.logs import Cursor, Place
from fcx.executor.effects import written
from fcx.executor.effects.written import Output, Written
from fcx.executor.future import FirecrestFuture
from fcx.executor.wire import BackLine, DoneLine, NextLine, RunLine, Stretch
from fcx.protocol.names import Incarnation

DONE = DoneLine("t1", 0, (0, 0, 0), o="value", s=1.0)


class Files:
    """A worker's file, and its agent's log."""

    def __init__(self, text: bytes, records=(), unread: int = 0) -> None:
        self.text, self.records, self.unread = text, list(records), unread
        self.files = self
        self.asked: list[str] = []

    async def read_from(self, path: str, offset: int) -> bytes:
        self.asked.append(path)
        return self.text[offset:] if path.startswith("output") else b"log"

    def decoded(self, log: str, data: bytes) -> Stretch:
        return Stretch(self.records, len(data) - self.unread, spoilt=False)


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(written, "MOMENT", 0.0)
    for name in ("QUIET", "SOON"):
        monkeypatch.setattr(following, name, 0.001)


def more(files: Files, offset: int = 0) -> bytes:
    place = SimpleNamespace(path=lambda *parts: "/".join(parts))
    running = Place("t1", 0, 0, Cursor(Incarnation("7", 0, 0)))
    return asyncio.run(Output(SimpleNamespace(place=place), files).more(running, 0, offset))


def test_whole_lines_of_what_is_text():
    """A line that is not at its end may be cut within a letter; what is no text has no length."""
    assert more(Files(b"one\ntwo\nthr")) == b"one\ntwo\n"
    assert more(Files(b" 10%\r 20%")) == b" 10%\r"
    assert more(Files(b"one\n\xef\xbf\xbd\ntwo\n")) == b"one\n"
    assert more(Files(b"one\ntwo\n"), 4) == b"two\n"


def test_nothing_to_be_proven_costs_no_request():
    """Where nothing was written, the log is not asked for."""
    files = Files(b"no line")
    assert more(files) == b""
    assert len(files.asked) == 1


@pytest.mark.parametrize(
    ("record", "ours"),
    [
        (DONE, False),
        (BackLine((("t1", 0),)), False),
        (NextLine(1), False),
        (DoneLine("t2", 0, (0, 0, 0), o="value", s=1.0), True),
        (DoneLine("t1", 1, (0, 0, 0), o="value", s=1.0), True),
        (RunLine("t2", 0, 1, first=False), True),
    ],
)
def test_it_counts_only_while_the_task_runs(record, ours):
    """By the log: else it may be what the next one has written."""
    assert more(Files(b"one\n", [record])) == (b"one\n" if ours else b"")


def test_a_log_that_is_not_read_to_its_end_proves_nothing():
    """Half a record may be the end of the task."""
    assert more(Files(b"one\n", unread=2)) == b""


class Owner:
    """A run in which a task goes through what it is told."""

    def __init__(self, *steps) -> None:
        self.steps = list(steps)
        self.future = FirecrestFuture("t1", self, "talks")
        reporting.running(self.future, "7")

    def written(self, task, stream, before):
        step = self.steps.pop(0)
        if not self.steps:
            reporting.end(self.future, None, None, (b"one\ntwo\nend", b""))
        if isinstance(step, Exception):
            raise step
        return step

    def heard(self) -> list[str]:
        return list(following.pieces(self.future, self, 0))


def part(attempt: int, offset: int, data: bytes) -> Written:
    return Written(("7.0.0", 0, attempt), offset, data, 0.0)


def test_pieces_and_the_rest_are_the_whole():
    """A failure on the way loses nothing."""
    owner = Owner(part(0, 0, b"one\n"), Unreachable("no"), None, part(0, 4, b"two\n"), None)
    assert owner.heard() == ["one\n", "two\n", "end"]


def test_a_task_that_is_begun_again_writes_again():
    """What the first attempt wrote is no part of what the second has given."""
    owner = Owner(part(0, 0, b"one\n"), part(1, 0, b"one\n"), None)
    assert owner.heard() == ["one\n", "one\n", "two\nend"]


def test_what_was_lost_on_the_way_is_given_whole():
    """The attempt that counts was another one, of which nothing was seen."""
    owner = Owner(part(0, 0, b"something else\n"), None)
    assert owner.heard() == ["something else\n", "one\ntwo\nend"]
