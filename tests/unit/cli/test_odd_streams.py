"""Commands whose standard streams are closed, full, no longer read, or without our letters."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from terminals import on_terminal

FCX = f'"{sys.executable}" -m fcx'
FULL = "fcx: Writing failed: No space left on device."


def typed(line: str, tmp_path: Path, **env: str) -> subprocess.CompletedProcess[bytes]:
    """By a shell, with what is left of both streams."""
    own = {**os.environ, "FCX_STATE_DIR": str(tmp_path), "PYTHONUNBUFFERED": "", **env}
    words = ["bash", "-c", line.replace("fcx", FCX, 1)]
    return subprocess.run(words, env=own, capture_output=True, check=False)


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        ("fcx --version 2>&-", 0, b""),
        ("fcx --version >&-", 0, b""),
        ("fcx --version <&- >&- 2>&-", 0, b""),
        ("fcx runs list --json >&-", 0, b""),
        ("fcx runs list >&- 2>&-", 0, b""),
        ("fcx nonsense 2>&-", 2, b""),
        ("fcx nonsense 2>/dev/full", 2, b""),
        ("fcx runs show x 2>/dev/full", 2, b""),
        ("fcx --version >/dev/full", 1, FULL.encode()),
        ("fcx runs list --json >/dev/full", 1, FULL.encode()),
        ("fcx runs list --json >/dev/full 2>&1", 1, b""),
        ("PYTHONUNBUFFERED=1 fcx --version >/dev/full", 1, FULL.encode()),
        ("PYTHONUNBUFFERED=1 fcx runs show x 2>/dev/full", 2, b""),
    ],
)
def test_a_stream_that_takes_nothing_changes_no_code(
    line: str, code: int, says: bytes, tmp_path: Path
):
    """What was done was done: only output that is lost for want of room is an error, in a line."""
    done = typed(line, tmp_path)
    assert done.returncode == code, done.stderr
    assert done.stderr.startswith(says)
    assert b"Traceback" not in done.stderr
    assert done.stderr.count(b"\n") == bool(says)


@pytest.mark.parametrize("verb", ["--help", "--version", "runs list --json", "runs --help"])
def test_who_reads_no_more_gets_no_traceback(verb: str, tmp_path: Path):
    """As `| head` does. The reader has gone before the first word."""
    reads, writes = os.pipe()
    os.close(reads)
    words = [sys.executable, "-m", "fcx", *verb.split()]
    env = {**os.environ, "FCX_STATE_DIR": str(tmp_path)}
    try:
        done = subprocess.run(words, env=env, stdout=writes, stderr=subprocess.PIPE, check=False)
    finally:
        os.close(writes)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_letter_that_a_stream_lacks_is_written_as_its_number(encoding: str, tmp_path: Path):
    """On both streams: no verb ends by how a run is called."""
    done = typed("fcx runs show 漢 --json", tmp_path, PYTHONIOENCODING=encoding, LC_ALL="C.UTF-8")
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
    assert b"remembers no run" in done.stderr
    assert b"remembers no run" in done.stdout


LIVE = """
import time
from fcx.cli.progress import shown
with shown() as job:
    job.step("Building the image of a name that is wider than forty columns")
    job.line("its output")
    job.layer("abc", "Pushing", 10, 100)
    time.sleep(0.5)
"""


def test_a_job_is_shown_on_forty_columns_with_spinner_and_time(tmp_path: Path):
    """What is long is cut, and no bar takes its room; nothing but its output stays."""
    seen = on_terminal(LIVE, {"NO_COLOR": "1"}, tmp_path, columns=40)
    assert seen.code == 0, seen.last
    seen.ever(" Building the image of a na ... 0:00:00")
    assert not any("━" in line for one in seen.screens for line in one)
    assert seen.last == ["its output"]
    assert "\x1b[2m" not in seen.written
    assert "\x1b[3" not in seen.written


@pytest.mark.parametrize(
    "env",
    [{"TERM": "dumb"}, {"CI": "true"}, {"PYTHONIOENCODING": "ascii"}],
    ids=["dumb", "ci", "ascii"],
)
def test_a_job_is_told_in_lines_where_nothing_can_be_drawn(env: dict[str, str], tmp_path: Path):
    """Each step is there to be read, and no code of a terminal."""
    seen = on_terminal(LIVE, env, tmp_path)
    assert seen.code == 0, seen.last
    assert seen.last == [
        "Building the image of a name that is wider than forty columns",
        "  its output",
        "  abc: Pushing",
    ]
    assert "\x1b" not in seen.written


def test_a_job_goes_on_where_nobody_takes_its_steps(tmp_path: Path):
    """They are told for who looks on."""
    script = tmp_path / "script.py"
    script.write_text(f"{LIVE}\nprint('done')\n", encoding="utf-8")
    line = f'"{sys.executable}" {script} 2>/dev/full'
    done = subprocess.run(["bash", "-c", line], capture_output=True, check=False)
    assert done.stdout == b"done\n"


@pytest.mark.parametrize(
    ("env", "styled"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False), ({"CLICOLOR": "0"}, False)],
    ids=str,
)
def test_a_check_has_its_colour_where_colours_are_wanted(
    env: dict[str, str], styled: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The word says the same."""
    for name in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "CLICOLOR"):
        monkeypatch.delenv(name, raising=False)
    code = """
from fcx.cli.doctor import _show
from fcx.doctor.check import Result, fine
_show(Result("disk", fine("there is room")), verbose=False)
"""
    seen = on_terminal(code, env, tmp_path)
    assert seen.code == 0, seen.last
    assert "there is room" in seen.last[0]
    assert ("\x1b[32m" in seen.written) is styled
