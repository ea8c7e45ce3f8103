"""Tasks that fail alike have one number, and nothing of them is unpickled."""

from __future__ import annotations

import json

import msgspec
import pytest

from fcx.executor import failing
from fcx.executor.core.events import Trouble
from fcx.executor.failing import MOST, TRACEBACK, Failures, cut
from fcx.executor.wire import Outcome

FRAME = 'Traceback (most recent call last):\n  File "a.py", line {line}, in f\n    g()\n{error}: {text}\n'


def outcome(
    error: str = "ValueError", text: str = "bad", line: int = 3, kind: str = "raise"
) -> Outcome:
    words = [error, text, FRAME.format(line=line, error=error, text=text)]
    data = json.dumps(words).encode() + b"\n" + b"\x80 no pickle"
    return Outcome(kind, (len(data), 0, 0), "", len(data), data)


@pytest.fixture
def noted():
    return []


def test_what_was_raised_in_one_place_is_one_way_to_fail(noted):
    ways = Failures(noted.append)
    assert [ways.raised(outcome(text=f"bad {n}")) for n in range(3)] == [1, 1, 1]
    assert ways.raised(outcome(line=4)) == 2
    assert ways.raised(outcome(error="KeyError")) == 3
    assert [(one.n, one.error, one.text) for one in noted] == [
        (1, "ValueError", "bad 0"), (2, "ValueError", "bad"), (3, "KeyError", "bad")
    ]  # fmt: skip
    assert "in f" in noted[0].traceback


def test_trouble_is_alike_but_for_its_numbers(noted):
    ways = Failures(noted.append)
    assert ways.trouble(Trouble("NodeFailed", "job 12 on node 0xff")) == 1
    assert ways.trouble(Trouble("NodeFailed", "job 13 on node 0xfe")) == 1
    assert ways.trouble(Trouble("OutOfMemory", "job 13 on node 0xfe")) == 2


def test_ways_to_fail_are_bounded(noted):
    ways = Failures(noted.append)
    numbers = [ways.raised(outcome(line=n)) for n in range(MOST + 50)]
    assert max(numbers) == MOST + 1
    assert noted[-1].error == failing.OTHER


def test_a_long_traceback_keeps_both_ends():
    text = "begin" + "x" * 100_000 + "end"
    kept = cut(text, TRACEBACK)
    assert len(kept) < TRACEBACK + 100
    assert kept.startswith("begin")
    assert kept.endswith("end")
    assert "left out" in kept


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"[1, 2]\n", b'{"a": 1}', b"[" * 9999, None])
def test_what_makes_no_sense_is_a_failure_all_the_same(noted, data):
    size = len(data or b"")
    assert Failures(noted.append).raised(Outcome("raise", (size, 0, 0), "", size, data)) == 1
    assert noted[0].error


def test_half_a_character_can_be_written_down(noted):
    """A file's name with odd bytes in it, say: no text of a ledger may have it."""
    failing.Failures(noted.append).raised(outcome(text="bad \udcff"))
    assert msgspec.json.encode(noted[0].text) == b'"bad \\\\udcff"'
