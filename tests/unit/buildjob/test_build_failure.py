"""What is said of a building job that was ended, and how its log is read."""

from __future__ import annotations

from pathlib import Path

import building
import pytest
from noted import Noted

from fcx.buildjob.answer import Answer
from fcx.buildjob.build import Note
from fcx.buildjob.failure import Failed
from fcx.buildjob.log import Log
from fcx.errors import NotShipped
from fcx.firecrest.jobs import JobState
from fcx.image.progress import Silent

LOG = """\
== Building thing:ab
STEP 1/2: FROM base
--> 0123456789a
STEP 2/2: RUN make
one
two
"""


def test_a_log_is_told_line_by_line_however_it_comes():
    """Its steps as steps, podman's ids not at all; each byte once."""
    for size in (1, 7, len(LOG)):
        told = Noted()
        log = Log(told)
        for at in range(0, len(LOG), size):
            log.feed(LOG[at : at + size].encode())
        log.close()
        assert log.read == len(LOG)
        assert told.steps == [
            "Building thing:ab",
            "STEP 1/2: FROM base",
            "STEP 2/2: RUN make",
        ]
        assert told.lines == list(log.lines) == ["one", "two"]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("TIMEOUT", "cut off at 'STEP 2/2: RUN make' by its time limit. More time: `--sbatch=--t"),
        ("CANCELLED", "ended from outside at 'STEP 2/2: RUN make' (CANCELLED). Run the same"),
        ("OUT_OF_MEMORY", "for want of memory. More of it: `--sbatch=--mem=16G`"),
        ("NODE_FAIL", "was ended at 'STEP 2/2: RUN make' (NODE_FAIL). Run the same"),
    ],
)
def test_a_job_that_was_ended(tmp_path: Path, state: str, words: str):
    """With what it was at, what to do, and what is kept."""
    log = Log(Silent())
    log.feed(LOG.encode())
    order = building.make(tmp_path / "room", tmp_path / "images").made()
    said = str(Failed(order, JobState("17", "x", state), log).error())
    assert words in said
    assert "the same command sends none of it again" in said


def test_a_job_that_could_not_even_begin_its_log(tmp_path: Path):
    """As where a node lacks that file system."""
    order = building.make(tmp_path / "room", tmp_path / "images").made()
    state = JobState("17", "x", "FAILED", signal=53)
    said = str(Failed(order, state, Log(Silent())).error())
    assert "without a word: is" in said
    assert "--to names another folder" in said


@pytest.mark.parametrize("text", [b"", b"17", b"17 ab\n", b"17 " + b"a" * 64, b"\xff"])
def test_a_note_that_is_none(text: bytes):
    """Half of one, or somebody else's."""
    assert Note.read(Note("17", "a" * 64).text()) == Note("17", "a" * 64)
    assert Note.read(text) is None


@pytest.mark.parametrize("text", [b"", b"== mark\n{}\n", b"== record\n[]\n== mark\n== probe\n"])
def test_an_answer_that_is_none(text: bytes):
    """Said as such."""
    with pytest.raises(NotShipped, match="is not what a building job leaves"):
        Answer.of(text, "there")
