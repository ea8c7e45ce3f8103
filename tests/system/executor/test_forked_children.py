"""Processes that were forked from one with an executor: they exit as any do, and harm nothing."""

from __future__ import annotations

import pytest
from executors.script import run_script

SCRIPT = """
    import gc, multiprocessing, os, sys, threading
    from concurrent.futures import ProcessPoolExecutor
    from pathlib import Path
    from fcx import FirecrestExecutor

    def wait_for(path):
        import pathlib, time
        while not pathlib.Path(path).exists():
            time.sleep(0.05)
        return "as it was"

    def child_of(executor, future):
        try:
            executor.submit(abs, -1)
        except RuntimeError as error:
            print("refused:", error, flush=True)
        try:
            future.result()
        except RuntimeError as error:
            print("refused:", error, flush=True)

    def forked(do):
        pid = os.fork()
        if pid == 0:
            do()
            sys.exit(3)
        print("exit code", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)

    def keep_submitting(executor, stop, futures):
        while not stop.is_set():
            futures.append(executor.submit(abs, -3))
            stop.wait(0.001)

    fork = multiprocessing.get_context("fork")
    word = os.environ["WORKING_DIR"] + "/word"
    options = {"max_workers": 2, "sleep_interval": 1, "idle_timeout": 3.0}
    with FirecrestExecutor(os.environ["WORKING_DIR"], ["--time=5"], **options) as executor:
        waiting = executor.submit(wait_for, word)
        assert executor.submit(abs, -1).result() == 1
        stop, futures = threading.Event(), []
        thread = threading.Thread(target=keep_submitting, args=(executor, stop, futures))
        thread.start()
        forked(lambda: None)  # leaves the with block by SystemExit
        forked(executor.shutdown)
        forked(executor.abort)
        forked(gc.collect)
        forked(lambda: child_of(executor, waiting))
        child = fork.Process(target=child_of, args=(executor, waiting))
        child.start()
        child.join()
        print("exit code", child.exitcode, flush=True)
        with ProcessPoolExecutor(2, mp_context=fork) as pool:
            print(list(pool.map(abs, (-1, -2))), flush=True)
        if (pid := os.fork()) == 0:  # the child goes on to the end of the script
            print("child goes on", flush=True)
        else:
            print("exit code", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
            stop.set()
            thread.join()
            Path(word).touch()
            assert waiting.result() == "as it was"
            assert {future.result() for future in futures} == {3}
    print("the end", flush=True)
"""


@pytest.mark.slow
def test_of_every_kind(site, tmp_path):
    done = run_script(tmp_path, SCRIPT, site)
    refusals = [line for line in done.stdout.splitlines() if line.startswith("refused:")]
    assert len(refusals) == 4
    assert all("belongs to the process that forked this one" in line for line in refusals)
    others = [line for line in done.stdout.splitlines() if not line.startswith("refused:")]
    assert others == [
        *["exit code 3"] * 5,
        "exit code 0",
        "[1, 2]",
        "child goes on",
        "the end",
        "exit code 0",
        "the end",
    ]
    assert "Tasks and jobs are cancelled" not in done.stderr
