"""The end of a script: what it has submitted is waited for, and nothing else is done."""

from __future__ import annotations

import gc
import weakref

import pytest
from executors.deadline import WAIT, within
from executors.script import run_script

from fcx import FirecrestExecutor
from fcx.errors import PayloadError
from fcx.executor.leaving import Leaving

NOBODY = {
    "FIRECREST_CLIENT_ID": "me",
    "FIRECREST_CLIENT_SECRET": "secret",
    "AUTH_TOKEN_URL": "http://127.0.0.1:9/token",
    "FIRECREST_URL": "http://127.0.0.1:9",
    "FIRECREST_SYSTEM": "nowhere",
    "FIRECREST_ACCOUNT": "none",
}


class Held:
    """Something unfinished, which notes how it was ended; with it others may begin."""

    def __init__(self, ended, then=None):
        self.ended = ended
        self.then = then

    def end(self, *, abort):
        self.ended.append(abort)
        if self.then is not None:
            self.then()


def test_held_until_it_is_over():
    leaving, ended = Leaving(), []
    first, second = Held(ended), Held(ended)
    gone, there = weakref.ref(first), weakref.ref(second)
    leaving.waits_for(first)
    leaving.waits_for(second)
    leaving.over(first)
    del first, second
    gc.collect()
    assert gone() is None
    assert there() is not None
    leaving.end()
    assert ended == [False]
    assert leaving.begun


def test_what_begins_meanwhile_is_waited_for():
    leaving, ended = Leaving(), []
    leaving.waits_for(Held(ended, lambda: leaving.waits_for(Held(ended))))
    leaving.end()
    assert len(ended) == 2


def test_a_child_waits_for_nothing():
    leaving, ended = Leaving(), []
    leaving.waits_for(Held(ended))
    leaving.forked()
    leaving.end()
    assert not ended


@pytest.fixture
def made(project, monkeypatch):
    """Executors of a server that is not there."""
    monkeypatch.setenv("FCX_STATE_DIR", str(project / "state"))
    return lambda: FirecrestExecutor("/work", python="python3", env=NOBODY)


@pytest.mark.slow
def test_a_run_outlives_its_executor_until_it_is_over(made):
    executor = made()
    future = executor.submit(abs, -1)
    run = weakref.ref(executor._run)
    finished, lock = executor._run.finished, executor._run.mailbox._lock
    with lock:  # whoever has it may be the one who collects the garbage
        within(WAIT, executor._run.let_go)
    del executor
    gc.collect()
    assert run() is not None
    assert not finished.is_set()
    future.cancel()
    assert finished.wait(WAIT)


def test_what_never_began_is_over_at_once(made):
    """However often it is closed: it has no loop, and needs none."""
    executor = made()
    with pytest.raises(PayloadError):
        executor.submit(print, (x for x in ()))
    executor.shutdown()
    executor.shutdown()
    run = executor._run
    assert run.finished.is_set()
    assert not run.mailbox.take()


UNUSED = """
    import os, threading
    from fcx import FirecrestExecutor
    def refuse():
        def start(thread):
            raise RuntimeError("can't create new thread at interpreter shutdown")
        threading.Thread.start = start
    executor = FirecrestExecutor("/work", python="python3")
    {then}
    threading._register_atexit(refuse)  # what is registered last is called first
"""


@pytest.mark.parametrize("then", ["", "del executor", "executor.shutdown(wait=False)"])
def test_an_executor_without_tasks_at_the_end_of_a_script(tmp_path, then):
    """Also where Python starts no thread any more, as 3.12.1: nothing is said."""
    env = {**NOBODY, "FCX_STATE_DIR": str(tmp_path)}
    done = run_script(tmp_path, UNUSED.format(then=then), env)
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.parametrize("interruptions", [1, 2])
def test_interrupted_at_the_end_it_cancels_and_then_leaves(interruptions):
    """The first Ctrl-C is for what runs, the second for us."""
    leaving, ended = Leaving(), []

    def interrupt():
        if len(ended) <= interruptions:
            raise KeyboardInterrupt

    leaving.waits_for(Held(ended, interrupt))
    leaving.end()
    assert ended == [False, True]
