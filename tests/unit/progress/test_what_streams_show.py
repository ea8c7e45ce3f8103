"""What is drawn keeps to what a terminal can show, to what its owner wants, and holds nobody up."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path

import pytest
from terminals import on_terminal

from fcx.progress.sinks import plain
from fcx.progress.snapshot import Snapshot
from fcx.progress.stream import coloured, spelt, takes

DRAWS = """
import sys
from fcx.progress.sinks import Terminal
from fcx.progress.snapshot import Pilots, Snapshot

pilots = Pilots(1, (("the queue is long, and resources are few", 2),), 1.5)
seen = Snapshot("größe", 100, 30, 2, 0, 5, "t", pilots, 12, 65.0)
sink = Terminal(sys.stderr, panel=True)
sink.over(seen)
sink.show([seen], 0.0)
"""
STYLED = re.compile(r"\x1b\[[0-9;]+m")
COLOURS = ("NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "CLICOLOR")


@pytest.fixture(autouse=True)
def _whatever_is_set_here(monkeypatch: pytest.MonkeyPatch):
    """Says nothing of how it is for others."""
    for name in COLOURS:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("chosen", "styled"),
    [
        ({}, True),
        ({"NO_COLOR": "1"}, False),
        ({"NO_COLOR": "", "FORCE_COLOR": ""}, True),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        ({"CLICOLOR": "0"}, False),
        ({"CLICOLOR": "0", "CLICOLOR_FORCE": "1"}, True),
    ],
    ids=str,
)
def test_a_panel_has_colours_and_dim_where_they_are_wanted(
    chosen: dict[str, str], styled: bool, tmp_path: Path
):
    """Without them there is no code of a style at all; forty columns have room for either."""
    seen = on_terminal(DRAWS, chosen, tmp_path, columns=40)
    assert seen.code == 0, seen.last
    said, _, head, *rows, _ = seen.last
    assert said == "fcx größe: 30/100 done, 5 running, 6..."
    assert head.startswith("╭─ fcx größe ─")
    assert [(len(row), row[-1]) for row in rows] == [(39, "│")] * 4
    assert "│ 1 pilot up, 2 wait: the queue is l… │" in rows
    assert bool(STYLED.search(seen.written)) is styled


@pytest.mark.parametrize(("encoding", "name"), [("ascii", "gr??e"), ("latin-1", "gr\ufffd\ufffde")])
def test_a_panel_is_spelt_as_its_stream_can(encoding: str, name: str, tmp_path: Path):
    """A letter for a letter: nothing is wider than its terminal, and no error ends it."""
    seen = on_terminal(DRAWS, {"PYTHONIOENCODING": encoding}, tmp_path, columns=40)
    assert seen.code == 0, seen.last
    said, _, head, *rows, _ = seen.last
    assert said.startswith(f"fcx {name}: 30/100 done")
    assert head.startswith(f"+- fcx {name} ---")
    assert [row[-1] for row in rows] == ["|"] * 4
    assert "| 1 pilot up, 2 wait: the queue is l~ |" in rows


def test_a_terminal_that_was_stopped_holds_up_nobody(tmp_path: Path):
    """After Ctrl-S it takes nothing: what would be drawn is left out, and is drawn after Ctrl-Q."""
    stopped = """
import os, termios, threading
from fcx.progress.stream import takes
termios.tcflow(2, termios.TCOOFF)
stopped = not takes(sys.stderr)
drawing = threading.Thread(target=sink.show, args=([seen], 2.0), daemon=True)
drawing.start()
drawing.join(20)
held_up = drawing.is_alive()
termios.tcflow(2, termios.TCOON)
sink.show([seen], 3.0)
print("free" if stopped and not held_up else "held up")
"""
    seen = on_terminal(DRAWS + stopped, {}, tmp_path)
    assert seen.code == 0, seen.last
    seen.ever("free")


def test_a_pipe_that_nobody_reads_holds_up_nobody(tmp_path: Path):
    """Else the thread has the stream's lock for ever, and the interpreter never comes to its end."""
    script = tmp_path / "script.py"
    script.write_text(
        """
import os, sys, threading
from fcx.progress.sinks import plain
from fcx.progress.snapshot import Snapshot

def lines():
    shown = plain(sys.stderr)
    shown.show([Snapshot("", 5)], 0.0)
    shown.show([Snapshot("", 5, 1)], 60.0)
    shown.over(Snapshot("", 5, 5))

os.set_blocking(2, False)
for size in (4096, 1):
    try:
        while True:
            os.write(2, b"x" * size)
    except BlockingIOError:
        pass
os.set_blocking(2, True)
saying = threading.Thread(target=lines, daemon=True)
saying.start()
saying.join(20)
os._exit(saying.is_alive())
""",
        encoding="utf-8",
    )
    process = subprocess.Popen([sys.executable, str(script)], stderr=subprocess.PIPE)
    try:
        assert process.wait(100) == 0
    finally:
        process.kill()
        process.communicate()


def test_plain_lines_are_spelt_as_their_stream_can():
    """One error would end all that is shown."""
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding="ascii", errors="strict")
    lines = plain(stream)
    lines.show([Snapshot("größe", 5)], 0.0)
    lines.show([Snapshot("größe", 5, 1)], 60.0)
    assert written.getvalue().startswith(b"fcx gr??e: 1/5 done")


@pytest.mark.parametrize(
    ("chosen", "wanted"),
    [
        ({}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "0"}, False),
        ({"CLICOLOR_FORCE": "1"}, True),
        ({"CLICOLOR": "1"}, False),
        ({"NO_COLOR": "1", "CLICOLOR_FORCE": "1"}, False),
    ],
    ids=str,
)
def test_a_file_has_colours_where_they_are_asked_for(monkeypatch, chosen, wanted):
    """And nowhere else."""
    for name, value in chosen.items():
        monkeypatch.setenv(name, value)
    assert coloured(io.StringIO()) is wanted
    assert coloured(None) is wanted


def test_what_can_be_spelt_stays_as_it_is():
    """Also half a pair that came from the name of a file."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    assert spelt("é …", stream) == "é …"
    assert spelt("漢 …", stream) == "? …"
    assert spelt("\udcff", io.StringIO()) == "?"


def test_a_stream_without_a_descriptor_takes_all():
    """As those of notebooks."""
    assert takes(io.StringIO())
