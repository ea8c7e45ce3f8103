"""Pieces of output: which of them count, and what is left at the end."""

from __future__ import annotations

import asyncio
import os
from types import SimpleNamespace

import pytest

from fcx.errors import Unreachable
from fcx.executor import following, outputs, reporting
from fcx.executor.completion import Delivery, deliver
from fcx.executor.core.events import Trouble
from fcx.executor.core.logs import Cursor, Place
from fcx.executor.effects import written
from fcx.executor.effects.written import Output, Written
from fcx.executor.future import FirecrestFuture
from fcx.executor.wire import BackLine, DoneLine, NextLine, Outcome, RunLine, Stretch
from fcx.protocol.names import Incarnation
from fcx.remote import pool, surroundings

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


def more(files: Files, offset: int = 0) -> bytes | None:
    found = looked(files, Written(("7.0.0", 0, 0), 0, b"." * offset, 0.0))
    return found and found.data


def looked(files: Files, before: Written | None = None) -> Written | None:
    place = SimpleNamespace(path=lambda *parts: "/".join(parts))
    running = Place("t1", 0, 0, Cursor(Incarnation("7", 0, 0)))
    quota = SimpleNamespace(allowed=lambda now: SimpleNamespace(rate=4.0))
    context = SimpleNamespace(place=place, client=SimpleNamespace(quota=quota))
    return asyncio.run(Output(context, files).more(running, 0, before))


def test_what_is_text():
    """What is none, or half a letter, has no length; where that is not all, it is not text."""
    assert looked(Files(b"one\nthr")) == Written(("7.0.0", 0, 0), 0, b"one\nthr", 1.0)
    assert more(Files(b"one\n\xef\xbf\xbd\ntwo\n")) == b"one\n"
    assert not looked(Files(b"\xef\xbf\xbd")).stuck
    assert more(Files(b"one\ntwo\n"), 4) == b"two\n"


def test_what_is_no_text_is_not_asked_for_again():
    """Until another attempt writes."""
    files = Files(b"\xef\xbf\xbd\ntwo\n")
    found = looked(files)
    assert (found.data, found.stuck) == (b"", True)
    asked = len(files.asked)
    assert looked(files, found) == found
    assert len(files.asked) == asked
    looked(files, found._replace(of=("6.0.0", 0, 0)))
    assert len(files.asked) == asked + 1


def test_nothing_to_be_proven_costs_no_request():
    """Where nothing was written, the log is not asked for."""
    files = Files(b"")
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
    assert more(Files(b"one\n", [record])) == (b"one\n" if ours else None)


def test_a_log_that_is_not_read_to_its_end_proves_nothing():
    """Half a record may be the end of the task."""
    assert more(Files(b"one\n", unread=2)) is None


class Owner:
    """A run in which a task goes through what it is told."""

    def __init__(self, *steps, whole=b"one\ntwo\nend", last=None) -> None:
        self.steps, self.whole, self.last = list(steps), whole, last
        self.future = FirecrestFuture("t1", self, "talks")
        reporting.running(self.future, "7")

    def written(self, task, stream, before):
        step = self.steps.pop(0)
        if not self.steps:
            if self.last is not None:
                reporting.attempts(self.future, ((self.last, "7", ""),))
            reporting.end(self.future, None, None, (self.whole, b""))
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


def test_a_line_that_is_not_at_its_end_waits():
    """And is given once, whether it goes on or ends there."""
    owner = Owner(part(0, 0, b"one\ntw"), part(0, 6, b"o\nen"), None)
    assert owner.heard() == ["one\n", "two\n", "end"]
    owner = Owner(part(0, 0, b"one\ntw"), part(1, 0, b"one\n"), None)  # begun again
    assert owner.heard() == ["one\n", "one\n", "two\nend"]


def test_a_shorter_one_that_is_begun_again_is_given_whole():
    """Of the attempt that was read, less than was given says only that no more was kept."""
    seen = part(0, 0, b"another and longer life\n")
    assert Owner(seen, None, last=1).heard() == ["another and longer life\n", "one\ntwo\nend"]
    assert Owner(seen, None, last=0).heard() == ["another and longer life\n"]


def test_half_a_letter_is_given_with_its_other_half():
    """Also where what follows comes at the end only."""
    text = "grün \N{PARTY POPPER}\n".encode()
    owner = Owner(part(0, 0, text[:2]), None, whole=text)
    assert "".join(owner.heard()) == text.decode()
    assert owner.heard() == [text.decode()]  # once more, all at once


def killed(data: bytes) -> FirecrestFuture:
    future: FirecrestFuture[int] = FirecrestFuture("t1", None, "f")
    outcome = Outcome("died", (0, len(data), 0), "", len(data), data)
    deliver(Delivery("t1", future, "7", outcome, Trouble("WorkerDied", "was killed")))
    return future


def test_a_killed_one_says_that_its_end_may_be_missing():
    """Where as much came as is kept of such a one."""
    assert outputs.KEPT_OF_KILLED == pool.OUTPUT_LEFT
    assert killed(b"x" * 100).stdout() == "x" * 100
    future = killed(b"x" * pool.OUTPUT_LEFT)
    assert future.stdout() == "x" * pool.OUTPUT_LEFT + "\n[fcx: what came after was not kept]\n"
    assert "".join(future.follow()) == future.stdout()


@pytest.mark.parametrize("size", [(64 << 20) - 1, 64 << 20, (64 << 20) + 5])
def test_what_the_worker_says_of_the_end_is_understood(size, tmp_path):
    """To the byte, of what a worker takes; and nothing where nothing is missing."""
    descriptor = os.open(tmp_path / "out", os.O_RDWR | os.O_CREAT)
    os.truncate(descriptor, size)
    found = outputs.kept(surroundings.Output._drain(descriptor))
    os.close(descriptor)
    assert len(found.data) == min(size, outputs.KEPT)
    assert found.missing == max(0, size - outputs.KEPT)
    assert outputs.KEPT == surroundings.OUTPUT_LIMIT
