"""What tasks leave to be done at the end of their process: a worker ends as any interpreter does."""

from __future__ import annotations

import atexit
import os
import time
from pathlib import Path

import pytest
from agents import Pilot
from executors.deadline import WAIT, eventually

from fcx.remote.pool import PARTING


@pytest.fixture
def pilot(tmp_path):
    """A run directory, whose agent is ended with the test."""
    pilot = Pilot(tmp_path)
    with (tmp_path / "output").open("w") as pilot.stdout:
        yield pilot
    pilot.stop()


def leaving(path, word, seconds=0, hold=0):
    """A task that registers a handler, which writes and prints when its process ends."""

    def task():
        def handler():
            time.sleep(seconds)
            with open(path, "a") as file:
                print(word, file=file)
            print("said", word, "in", os.getcwd())

        atexit.register(handler)
        time.sleep(hold)
        return os.getpid()

    return (task,)


def reading(path):
    """A task that gives what is there by then."""

    def task():
        return open(path).read() if os.path.exists(path) else ""

    return (task,)


def read(path):
    """What is there now."""
    return Path(path).read_text() if os.path.exists(path) else ""


def test_handlers_run_when_the_agent_leaves(pilot, tmp_path):
    """Of all tasks, the last one's first; what they print is in the job's output."""
    path = str(tmp_path / "left")
    pilot.start(idle_timeout=0.5)
    pilot.put(1, [leaving(path, "one"), leaving(path, "two"), reading(path)])
    assert pilot.value("t12") == ("", None)
    assert pilot.ended() == 0
    assert read(path) == "two\none\n"
    said = [f"said {word} in {pilot.run}" for word in ("two", "one")]
    assert (tmp_path / "output").read_text().splitlines() == said


def test_handlers_run_before_the_next_process_begins(pilot, tmp_path):
    """With it ends what it holds of memory and GPUs; the tasks' own output stays theirs."""
    path = str(tmp_path / "left")
    pilot.start(max_tasks_per_child=1)
    pilot.put(1, [leaving(path, "one", 0.5), reading(path)])
    assert pilot.value("t11") == ("one\n", None)
    assert pilot.said("done", t="t11")[0]["n"][1:] == [0, 0]


@pytest.mark.slow
def test_a_handler_that_hangs_is_killed(pilot, tmp_path):
    """And those of a task that is ended from outside do not run."""
    path = str(tmp_path / "left")
    pilot.start(idle_timeout=0.2, workers=2)
    pilot.put(1, [leaving(path, "never", 3600)] * 2, slots=2)
    pids = [pilot.value("t10")[0], pilot.value("t11")[0]]
    began = time.monotonic()
    assert pilot.ended() == 0
    assert time.monotonic() - began < 2 * PARTING  # together, not one after the other
    eventually(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids))
    assert read(path) == ""


def test_handlers_of_a_cancelled_task_do_not_run(pilot, tmp_path):
    """Its process is killed, as it always was."""
    path = str(tmp_path / "left")
    pilot.start(idle_timeout=0.5)
    pilot.put(1, [leaving(path, "never", hold=WAIT)])
    pilot.wait("run", t="t10")
    pilot.order(2, "t10")
    assert pilot.ended() == 0
    assert read(path) == ""
