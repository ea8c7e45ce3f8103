"""Values that are waited for: found in the logs of any agent, and only if they are authentic."""

from __future__ import annotations

import base64
import hashlib
import os
import pickle
import time

import pytest

from fcx.protocol import keys, objects, record
from fcx.protocol.config import Config
from fcx.protocol.layout import FOLDERS
from fcx.remote import values
from fcx.remote.log import Log
from fcx.remote.values import Values

RUN_KEY = b"k" * 32


def config(pilot):
    """What the agents of a pilot are told."""
    own = keys.pilot_key(RUN_KEY, pilot), keys.inbox_key(RUN_KEY)
    return Config(pilot, (1,), 60.0, 60.0, *own)


class Run:
    """A run directory, and the logs of its agents."""

    def __init__(self, path):
        self.path = path
        for folder in FOLDERS:
            (path / folder).mkdir()

    def log(self, me, pilot="p-001"):
        """The log of an agent, which has said who it is."""
        (self.path / "pilots" / f"{pilot}.json").write_bytes(config(pilot).encode())
        log = Log(str(self.path), me, config(pilot).pilot_key)
        log.add("up", node="n1", probe={"pilot": "another"}, pilot=pilot, left=None)
        log.flush()
        return log

    def value(self, log, task, value, kind="value", attempt=0):
        """A task has ended."""
        data = pickle.dumps(value)
        fields = log.store(task, attempt, data + b"printed")
        log.add("done", t=task, a=attempt, o=kind, s=0.1, n=[len(data), 7, 0], **fields)
        log.flush()

    def read(self, task):
        """As a worker does."""
        return objects.as_awaited(str(self.path), task)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """With nothing in it."""
    monkeypatch.setattr(values, "PACE", 0.0)
    return Run(tmp_path)


def test_is_found_and_read(run):
    """Whoever wrote it, small or large."""
    one, other = run.log("7.0.0"), run.log("8.0.0", "p-002")
    run.value(one, "a", {"x": 1})
    run.value(other, "b", b"x" * record.INLINE)
    there = Values(str(run.path))
    assert there.found(("a", "b", "c")) == ("a", "b")
    assert run.read("a") == {"x": 1}
    assert run.read("b") == b"x" * record.INLINE


def test_what_comes_later(run):
    """Each look reads on; nothing is read where nothing is wanted."""
    log, there = run.log("7.0.0"), Values(str(run.path))
    assert there.found(()) == ()
    assert not there.ends
    assert there.found(("a",)) == ()
    run.value(log, "b", 2)
    run.value(log, "a", 1)
    assert there.found(("a",)) == ("a",)
    assert there.found(("b",)) == ("b",)
    assert (run.read("a"), run.read("b")) == (1, 2)


def test_of_later_segments(run, monkeypatch):
    """A log goes on in other files."""
    monkeypatch.setattr(record, "SEGMENT", 1000)
    log, there = run.log("7.0.0"), Values(str(run.path))
    for number in range(30):
        run.value(log, f"t{number}", number)
    assert log.segment > 2
    assert there.found(("t29", "t0")) == ("t29", "t0")
    assert [run.read(f"t{number}") for number in (0, 29)] == [0, 29]


@pytest.mark.parametrize("kind", ["raise", "alien", "unpicklable"])
def test_a_failure_is_no_value(run, kind):
    """Who waits for it is told by the client."""
    log, there = run.log("7.0.0"), Values(str(run.path))
    run.value(log, "a", 1, kind)
    assert there.found(("a",)) == ()
    run.value(log, "a", 2, attempt=1)
    assert there.found(("a",)) == ("a",)
    assert run.read("a") == 2


def test_half_a_record(run):
    """It is not there until it is whole."""
    log, there = run.log("7.0.0"), Values(str(run.path))
    run.value(log, "a", 1)
    path = run.path / "logs" / "7.0.0.0"
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    assert there.found(("a",)) == ()
    path.write_bytes(whole)
    assert there.found(("a",)) == ("a",)


def test_a_configuration_that_is_not_whole(run):
    """Others are read all the same."""
    (run.path / "pilots" / "p-000.json").write_bytes(b"{")
    (run.path / "pilots" / "p-00.json").mkdir()
    run.value(run.log("7.0.0"), "a", 1)
    assert Values(str(run.path)).found(("a",)) == ("a",)


def test_an_agent_that_said_nothing_yet(run):
    """Its log may be empty, or begin in halves."""
    log, there = run.log("7.0.0"), Values(str(run.path))
    path = run.path / "logs" / "7.0.0.0"
    whole = path.read_bytes()
    for part in (b"", whole[:40]):
        path.write_bytes(part)
        assert there.found(("a",)) == ()
    path.write_bytes(whole)
    run.value(log, "a", 1)
    assert there.found(("a",)) == ("a",)


def test_of_another_key(run, monkeypatch):
    """What does not agree with the key of any pilot is not believed."""
    log, there = run.log("7.0.0"), Values(str(run.path))
    log.key = b"another"
    run.value(log, "a", 1)
    monkeypatch.setattr(values, "PATIENCE", 0.0)
    for _ in range(9):
        assert there.found(("a",)) == ()
    assert not list((run.path / "values").iterdir())


@pytest.mark.parametrize("where", ["first", "later"])
def test_damage_is_passed_over(run, where, monkeypatch):
    """After a while, in which it could have become whole."""
    log, there = run.log("7.0.0"), Values(str(run.path))
    path = run.path / "logs" / "7.0.0.0"
    if where == "later":
        run.value(log, "b", 0)
    run.value(log, "a", 1)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[-2] = lines[-2][:60] + b"\0" * (len(lines[-2]) - 61) + b"\n"
    path.write_bytes(b"".join(lines))
    for _ in range(9):
        assert there.found(("a",)) == ()
    monkeypatch.setattr(values, "PATIENCE", 0.0)
    for _ in range(3):
        there.found(("a",))
    assert there.found(("a",)) == ("a",)
    assert run.read("a") == 1


def test_logs_that_are_over_are_not_read_again(run):
    """Nor are any for a while after a look: their file system is shared."""
    log, there = run.log("7.0.0"), Values(str(run.path))
    run.value(log, "a", 1)
    log.add("end", why="idle")
    log.flush()
    assert there.found(("a", "b")) == ("a",)
    assert there.over == {"7.0.0.0": True}
    (run.path / "logs" / "7.0.0.0").unlink()
    run.value(run.log("8.0.0", "p-002"), "b", 2)
    there.rest = time.monotonic() + 60.0
    assert there.found(("a", "b")) == ("a",)
    there.rest = 0.0
    assert there.found(("a", "b")) == ("a", "b")


def test_another_agent_has_found_it(run):
    """Both may look; one link is enough."""
    run.value(run.log("7.0.0"), "a", 1)
    for _ in range(2):
        assert Values(str(run.path)).found(("a",)) == ("a",)


@pytest.mark.parametrize("name", ["../a", "a/b", "a\\u0041"])
def test_names_that_are_no_tasks(run, name):
    """No link leads out of its folder."""
    log, there = run.log("7.0.0"), Values(str(run.path))
    log.add("done", t=name, a=0, o="value", s=0.1, n=[0, 0, 0], **record.inline(b""))
    log.flush()
    assert there.found((name,)) == ()


def test_logs_that_cannot_be_listed(run):
    """That is no answer."""
    there = Values(str(run.path))
    (run.path / "logs").rmdir()
    with pytest.raises(OSError, match="logs"):
        there.found(("a",))


def test_what_was_changed_since(run, monkeypatch):
    """The record is not what the agent had seen: it is not unpickled."""
    monkeypatch.setattr(objects, "PATIENCE", 0.0)
    run.value(run.log("7.0.0"), "a", 1)
    assert Values(str(run.path)).found(("a",)) == ("a",)
    path = run.path / "logs" / "7.0.0.0"
    data = base64.b64encode(pickle.dumps(1) + b"printed")
    assert data in path.read_bytes()
    path.write_bytes(
        path.read_bytes().replace(data, base64.b64encode(pickle.dumps(2) + b"printed"))
    )
    with pytest.raises(ValueError, match="the value of task a .*not what was put there"):
        run.read("a")


def test_the_link_says_where(run):
    """Log, offset, length, digest."""
    run.value(run.log("7.0.0"), "a", 1)
    Values(str(run.path)).found(("a",))
    log, at, length, digest = os.readlink(run.path / "values" / "a").split(":")
    data = (run.path / "logs" / log).read_bytes()[int(at) : int(at) + int(length)]
    assert hashlib.sha256(data).hexdigest() == digest
