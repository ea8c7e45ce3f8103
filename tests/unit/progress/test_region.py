"""What is drawn below the cursor, and what others write meanwhile."""

from __future__ import annotations

import contextlib
import functools
import io
import logging
import os
import sys
from collections.abc import Callable

import pyte
import pytest

from fcx.progress.sinks import Terminal
from fcx.progress.snapshot import Snapshot
from fcx.progress.terminal import Region


class Screen(io.TextIOWrapper):
    """A stream of text that says that it is a terminal, and what is seen there."""

    def __init__(self, columns: int = 40, rows: int = 6) -> None:
        self.raw_bytes = io.BytesIO()
        super().__init__(self.raw_bytes, encoding="utf-8", write_through=True)
        self.size = columns, rows

    def isatty(self) -> bool:
        return True

    @property
    def lines(self) -> list[str]:
        """The screen now."""
        screen = pyte.Screen(*self.size)
        screen.set_mode(pyte.modes.LNM)  # as a terminal's driver makes of each end of line
        pyte.ByteStream(screen).feed(self.raw_bytes.getvalue())
        return [line.rstrip() for line in screen.display]


def on_terminal(test: Callable[..., None]) -> Callable[..., None]:
    """Both standard streams lead there while the test runs: pytest sets its own before that."""

    @functools.wraps(test)
    def run() -> None:
        terminal = Screen()
        with contextlib.redirect_stdout(terminal), contextlib.redirect_stderr(terminal):
            test(terminal)

    del run.__wrapped__  # pytest would look for a fixture of the argument's name
    return run


@on_terminal
def test_what_is_printed_stays_whole(terminal: Screen):
    """Several lines between two drawings, at the end of the screen too; nothing is left in them."""
    region = Region(terminal)
    for number in range(4):
        region.draw(["a" * 30, f"drawn {number}"])
        print(f"line {number}\nand its second")
    region.draw(["a" * 30, "drawn at last"])
    assert terminal.lines == [
        "and its second",
        "line 3",
        "and its second",
        "",
        "a" * 30,
        "drawn at last",
    ]
    region.clear()
    assert terminal.lines[3:] == ["", "", ""]


@on_terminal
def test_a_line_that_is_written_over_goes_on_where_it_was(terminal: Screen):
    """As tqdm does, with a stream that it was given before."""
    had = sys.stderr
    region = Region(terminal)
    had.write("\r 10%")
    region.draw(["drawn"])
    had.write("\r 20%")
    region.draw(["drawn again"])
    assert terminal.lines[:2] == [" 20%", "drawn again"]
    had.write("\r100%\n")
    assert terminal.lines[:2] == ["100%", ""]


@on_terminal
def test_a_handler_of_logging_is_heard(terminal: Screen):
    """It has had the stream since before."""
    handler = logging.StreamHandler()
    region = Region(terminal)
    region.draw(["x" * 30, "y" * 30])
    record = logging.LogRecord("a", logging.INFO, "", 1, "one\ntwo", None, None)
    handler.emit(record)
    assert terminal.lines[:3] == ["one", "two", ""]


@on_terminal
def test_what_is_said_at_the_end_begins_a_line(terminal: Screen):
    """Also where somebody has left his own open."""
    region = Region(terminal)
    region.draw(["drawn"])
    print("no end", end="")
    region.say("the end")
    region.clear()
    print("more")
    assert terminal.lines[:4] == ["no end", "the end", "more", ""]


@on_terminal
def test_the_streams_are_as_before(terminal: Screen):
    """Nothing of ours stays on them; nobody else's is taken from them."""
    region = Region(terminal)
    region.draw(["drawn"])
    assert "write" in vars(terminal)
    region.clear()
    assert "write" not in vars(terminal)
    terminal.write = own = terminal.write
    region.draw(["drawn"])
    assert terminal.write is own
    region.leave()
    assert terminal.write is own


@on_terminal
def test_an_error_of_ours_costs_no_line(terminal: Screen):
    """The terminal takes nothing of ours any more."""
    region = Region(terminal)
    region.draw(["drawn"])

    def fails(_: str) -> None:
        raise OSError("gone")

    region._write = fails
    print("his own")
    assert "his own" in "".join(terminal.lines)


def test_in_the_background_nothing_is_drawn(monkeypatch: pytest.MonkeyPatch):
    """The terminal is the shell's then; a process without a controlling terminal is in front."""
    ours, theirs = os.openpty()
    with open(theirs, "w", encoding="utf-8") as stream, open(ours, "rb", 0) as shown:
        sink = Terminal(stream, panel=False)
        sink.show([Snapshot("", 7)], 0.0)
        assert b"0/7 done" in os.read(shown.fileno(), 4096)
        monkeypatch.setattr(os, "tcgetpgrp", lambda _: os.getpgrp() + 1)
        sink.show([Snapshot("", 7, 1)], 1.0)
        sink.over(Snapshot("", 7, 7))
        os.set_blocking(shown.fileno(), False)
        with pytest.raises(BlockingIOError):
            os.read(shown.fileno(), 4096)
