"""The log: what is flushed can be read, and a flush that fails loses nothing."""

from __future__ import annotations

import hashlib
import json
import os

import pytest

from fcx.protocol import layout, names, record
from fcx.protocol.names import Incarnation
from fcx.remote.log import Log

KEY = b"p" * 32
ME = Incarnation("7", 0, 0)


@pytest.fixture
def run(tmp_path):
    for name in layout.FOLDERS:
        (tmp_path / name).mkdir()
    return tmp_path


def read(run):
    """All records, segment by segment."""
    found, segment = [], 0
    while (path := run / "logs" / names.log(ME, segment)).exists():
        data = path.read_bytes()
        stretch = record.read(data, KEY)
        assert (stretch.used, stretch.spoilt) == (len(data), False)
        found += map(json.loads, stretch.bodies)
        segment += 1
    return found


def test_segments_follow_each_other(run):
    """The reader moves to the next file by the record that says so."""
    log = Log(str(run), ME, KEY)
    for number in range(40):
        log.add("done", t=f"t{number}", d="x" * 100_000)
    log.flush()
    files = sorted(path.name for path in (run / "logs").iterdir())
    assert len(files) > 3
    assert all((run / "logs" / name).stat().st_size < 2 << 20 for name in files)
    found = read(run)
    assert [r["t"] for r in found if r["k"] == "done"] == [f"t{n}" for n in range(40)]
    assert [r["segment"] for r in found if r["k"] == "next"] == list(range(1, len(files)))


def test_large_data_lies_in_parts(run):
    """Each part under what one request may download."""
    data = b"z" * (9 << 20)
    fields = Log(str(run), ME, KEY).store("t1", 0, data)
    assert fields["parts"] == 3
    files = [run / "parts" / names.part("t1", 0, number) for number in range(3)]
    assert all(file.stat().st_size <= 3_932_157 for file in files)
    assert b"".join(file.read_bytes() for file in files) == data
    assert fields["size"] == len(data)
    assert fields["sha"] == hashlib.sha256(data).hexdigest()


def test_small_data_rides_in_the_record(run):
    """No file of its own."""
    assert Log(str(run), ME, KEY).store("t1", 0, b"abc") == record.inline(b"abc")
    assert list((run / "parts").iterdir()) == []


def test_a_flush_that_fails_loses_nothing(run):
    """The next one writes all of it; what the first had written of it does not count."""
    log = Log(str(run), ME, KEY)
    log.add("run", t="t1")
    log.flush()
    log.add("run", t="t2")
    moved = run / "elsewhere"
    (run / "logs").rename(moved)
    assert log.gone()
    with pytest.raises(FileNotFoundError):
        log.flush()
    moved.rename(run / "logs")
    assert not log.gone()
    with (run / "logs" / names.log(ME, 0)).open("ab") as file:
        file.write(b"57 half of a record that found no roo")
    log.add("run", t="t3")
    log.flush()
    assert [r["t"] for r in read(run)] == ["t1", "t2", "t3"]


def test_much_that_gathers_is_written_early(run):
    """And does not fail whoever adds it, should that not be possible."""
    log = Log(str(run), ME, KEY)
    (run / "logs").rename(run / "elsewhere")
    log.add("done", d="x" * 600_000)
    (run / "elsewhere").rename(run / "logs")
    log.add("done", d="x" * 600_000)
    assert len(read(run)) == 3


def test_parts_that_find_no_room_leave_none_behind(run):
    """The record that says so needs it."""
    log = Log(str(run), ME, KEY)
    os.mkdir(run / "parts" / "t1.0.1~")  # stands for a disk that fills up in between
    with pytest.raises(OSError):
        log.store("t1", 0, b"z" * (9 << 20))
    assert not (run / "parts" / "t1.0.0").exists()


def test_beats_and_notes(run):
    """A byte each; words in ASCII."""
    log = Log(str(run), ME, KEY)
    log.beat()
    log.beat()
    log.note_exit("ü\n")
    assert (run / "logs" / names.beat(ME)).read_bytes() == b".."
    assert (run / "logs" / names.exit_note(ME)).read_bytes() == b"?\n"
