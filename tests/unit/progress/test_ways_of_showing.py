"""Which way of showing is taken, and at what pace lines are said."""

from __future__ import annotations

import io
import logging
import os
import pty
import sys
import threading
import time

import pytest
from executors.deadline import eventually

from fcx.progress.choice import SERVICES, heard, sink_for
from fcx.progress.display import Display
from fcx.progress.sinks import Lines, Terminal
from fcx.progress.snapshot import Snapshot
from fcx.progress.turn import Turn


class Stream(io.StringIO):
    """Perhaps a terminal."""

    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


@pytest.fixture(autouse=True)
def _nowhere_in_particular(monkeypatch):
    """Whatever runs these tests."""
    for name in ("CI", *SERVICES):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def quiet() -> logging.Logger:
    """A logger that nobody hears."""
    logger = logging.Logger("alone")  # noqa: LOG001 - those that are known, pytest listens to
    logger.setLevel(logging.INFO)
    return logger


def way(wanted, logger):
    """For a display that need not look at once."""
    return sink_for(wanted, logger, lambda: None)


@pytest.mark.parametrize(
    ("wanted", "terminal", "term", "kind"),
    [
        (None, True, "xterm", Terminal),
        (True, True, "xterm", Terminal),
        ("line", True, "xterm", Terminal),
        ("panel", True, "xterm", Terminal),
        (False, True, "xterm", None),
        (None, False, "xterm", None),
        (None, True, "dumb", None),
        (True, False, "xterm", Lines),
        ("line", True, "dumb", Lines),
        ("panel", False, "xterm", Lines),
    ],
)
def test_by_what_there_is(quiet, monkeypatch, wanted, terminal, term, kind):
    """A terminal shows it; elsewhere only those who ask for it get lines."""
    monkeypatch.setattr(sys, "stderr", Stream(terminal))
    monkeypatch.setenv("TERM", term)
    found = way(wanted, quiet)
    assert (type(found[1]) if found else None) is kind


@pytest.mark.parametrize(
    ("name", "value", "is_one"),
    [
        ("CI", "true", True),
        ("CI", "1", True),
        ("GITHUB_ACTIONS", "true", True),
        ("TF_BUILD", "True", True),
        ("CI", "false", False),
        ("CI", "", False),
    ],
)
def test_nothing_is_drawn_in_a_ci_that_gives_a_terminal(quiet, monkeypatch, name, value, is_one):
    """Its log would be full of what is drawn: lines are what it has room for, if they are asked."""
    monkeypatch.setattr(sys, "stderr", Stream(True))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv(name, value)
    assert type(way("panel", quiet)[1]) is (Lines if is_one else Terminal)
    assert (way(None, quiet) is None) is is_one


def test_two_streams_to_one_terminal_have_one_panel(quiet, monkeypatch):
    """Else each would draw below what the other has drawn."""
    ours, theirs = pty.openpty()
    monkeypatch.setenv("TERM", "xterm")
    try:
        with open(theirs, "w", closefd=False) as one, open(os.dup(theirs), "w") as other:
            names = []
            for stream in (one, other):
                monkeypatch.setattr(sys, "stderr", stream)
                names.append(way(None, quiet)[0])
    finally:
        os.close(ours)
        os.close(theirs)
    assert names[0] == names[1]


def test_one_process_at_a_time_draws_on_a_terminal():
    """The other one's turn comes when it has given it back; a fork lets go of its parent's."""
    ours, theirs = pty.openpty()
    try:
        with open(theirs, "w", closefd=False) as stream:
            one, other = Turn(stream), Turn(stream)
            assert one.take()
            assert one.take()
            assert not other.take()
            one.give()
            assert other.take()
            other.give()
    finally:
        os.close(ours)
        os.close(theirs)


def test_without_a_stream(quiet, monkeypatch):
    """A program without a console has none."""
    monkeypatch.setattr(sys, "stderr", None)
    assert way(True, quiet) is None


def test_at_a_prompt_only_who_asks(quiet, monkeypatch):
    """Somebody types there."""
    monkeypatch.setattr(sys, "stderr", Stream(True))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "ps1", ">>> ", raising=False)
    assert way(None, quiet) is None
    assert way(True, quiet) is not None


def test_under_logging_it_is_said_there(quiet, monkeypatch):
    """Unless a way is asked for by its name."""
    monkeypatch.setattr(sys, "stderr", Stream(True))
    monkeypatch.setenv("TERM", "xterm")
    quiet.addHandler(logging.StreamHandler(io.StringIO()))
    for wanted in (None, True):
        assert isinstance(way(wanted, quiet)[1], Lines)
    assert isinstance(way("line", quiet)[1], Terminal)
    assert way(False, quiet) is None


def test_what_under_logging_means(quiet):
    """An INFO of the logger reaches a handler: its own, or one above."""
    above = quiet.parent = logging.Logger("above")  # noqa: LOG001
    assert not heard(quiet)
    above.addHandler(logging.NullHandler())
    assert not heard(quiet)
    handler = logging.StreamHandler(io.StringIO())
    above.addHandler(handler)
    assert heard(quiet)
    handler.setLevel(logging.WARNING)
    assert not heard(quiet)
    handler.setLevel(logging.DEBUG)
    quiet.propagate = False
    assert not heard(quiet)
    quiet.propagate = True
    assert heard(quiet)
    quiet._cache.clear()
    quiet.setLevel(logging.WARNING)
    assert not heard(quiet)


def test_lines_come_at_a_calm_pace():
    """The first after ten seconds, then seldomer, and only where something has changed."""
    said: list[str] = []
    lines = Lines(said.append)
    for second in range(100):
        lines.show([Snapshot("", 100, second, seconds=second)], float(second))
    assert [line.split()[1] for line in said] == ["10/100", "20/100", "35/100", "58/100", "92/100"]
    for second in range(100, 300):
        lines.show([Snapshot("", 100, 99, seconds=second)], float(second))
    assert len(said) == 6
    lines.over(Snapshot("", 100, 100))
    assert said[-1].startswith("fcx: 100/100 done | ")


def test_what_was_short_is_not_told_of():
    """No line at the end of what had none before."""
    said: list[str] = []
    lines = Lines(said.append)
    lines.show([Snapshot("", 1)], 0.0)
    lines.show([], 1.0)
    lines.over(Snapshot("", 1, 1))
    assert said == []


class Source:
    """Of one snapshot, or of an error."""

    def __init__(self, seen: Snapshot | None) -> None:
        self.seen = seen
        self.asked = 0

    def snapshot(self) -> Snapshot:
        self.asked += 1
        if self.seen is None:
            raise ValueError("nothing to be seen")
        return self.seen


def test_an_error_ends_the_showing_and_nothing_else(quiet, monkeypatch):
    """The thread goes on to its end; whoever waits for the end is not held up."""
    monkeypatch.setattr(sys, "stderr", Stream(False))
    display, source = Display(), Source(None)
    watch = display.watch(source, True, quiet)
    assert watch is not None
    eventually(lambda: display._thread is None)
    assert source.asked == 1
    display.end(watch)


def test_nothing_is_begun_where_nothing_is_shown(quiet, monkeypatch):
    """No thread, and no look at anything."""
    monkeypatch.setattr(sys, "stderr", Stream(False))
    display, source = Display(), Source(Snapshot(""))
    before = threading.active_count()
    assert display.watch(source, None, quiet) is None
    display.end(None)
    assert (source.asked, threading.active_count()) == (0, before)


def test_a_part_is_shown_in_place_of_the_whole(quiet, monkeypatch):
    """A map in place of its run; when it is over, the run again. One stream has one sink."""
    monkeypatch.setattr(sys, "stderr", Stream(False))
    display, shown = Display(), []
    whole = Source(Snapshot("run", 1, oldest="t"))
    part = Source(Snapshot("map", 1, oldest="t"))
    first = display.watch(whole, "line", quiet)
    second = display.watch(part, "line", quiet, within=whole)
    assert first.sink is second.sink
    monkeypatch.setattr(first.sink, "show", lambda seen, now: shown.append([s.name for s in seen]))
    eventually(lambda: ["map"] in shown)
    assert ["run"] not in shown
    display.end(second, wait=0.0)
    eventually(lambda: ["run"] in shown)
    assert not any(len(names) > 1 for names in shown)
    began = time.monotonic()
    display.end(first, wait=60.0)
    assert time.monotonic() - began < 30.0
    eventually(lambda: display._thread is None)
