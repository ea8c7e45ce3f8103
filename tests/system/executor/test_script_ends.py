"""A script that ends while its tasks run: they are waited for, as by the standard executors."""

from __future__ import annotations

import pytest
from executors.script import run_script

pytestmark = pytest.mark.slow

PLAIN = """
    import os, time
    from fcx import FirecrestExecutor
    executor = FirecrestExecutor(os.environ["WORKING_DIR"], ["--time=00:05:00"], max_workers=2)
    def work(x):
        time.sleep(1)
        return x
    def told(future):
        print("came", future.result(), flush=True)
    for x in range(3):
        executor.submit(work, x).add_done_callback(told)
"""

NO_LATE_THREADS = """
    import threading
    from fcx.firecrest import loop
    loop.NO_LATE_THREADS = True  # as known of 3.12.0 and 3.12.1
"""

REFUSED = """
    def refuse():
        def start(thread):
            raise RuntimeError("can't create new thread at interpreter shutdown")
        threading.Thread.start = start
    threading._register_atexit(refuse)  # what is registered last is called first
"""


@pytest.mark.parametrize(
    "script", [PLAIN, NO_LATE_THREADS + PLAIN + REFUSED], ids=["any", "3.12.1"]
)
def test_a_script_without_with(site, tmp_path, script):
    """Also where Python starts no thread any more once a script is at its end."""
    done = run_script(tmp_path, script, site)
    assert sorted(done.stdout.splitlines()) == ["came 0", "came 1", "came 2"]


DROPPED = """
    import gc, os, threading, time
    from fcx import FirecrestExecutor
    DONE, came = threading.Event(), []
    def work(x):
        time.sleep(0.5)
        return x
    def told(future):
        print("came", future.result(), flush=True)
        came.append(future)
        if len(came) == 2:
            DONE.set()
    def main():
        executor = FirecrestExecutor(os.environ["WORKING_DIR"], ["--time=00:05:00"], max_workers=2)
        future = executor.submit(work, 0)
        executor.submit(work, future).add_done_callback(told)
        view = executor.options(walltime=100)
        def more(future):
            view.submit(work, future.result() + 1).add_done_callback(told)
        return future, more
"""
AT_THE_END = """
    def forget():
        main()
    forget()
    gc.collect()
"""
IN_THE_MIDDLE = """
    def go_on():
        future, more = main()
        future.add_done_callback(more)
    go_on()
    gc.collect()
    DONE.wait(60)
"""


def test_an_executor_that_nobody_has_at_the_end(site, tmp_path):
    """Its tasks are waited for, those that take a value of another included."""
    done = run_script(tmp_path, DROPPED + AT_THE_END, site)
    assert (done.stdout, done.stderr.count("Traceback")) == ("came 0\n", 0)


def test_an_executor_that_only_callbacks_have(site, tmp_path):
    """It goes on for as long as they may submit, and ends with the script."""
    done = run_script(tmp_path, DROPPED + IN_THE_MIDDLE, site)
    assert sorted(done.stdout.splitlines()) == ["came 0", "came 1"]


def test_an_executor_that_is_lost_on_the_way_to_an_error(site, tmp_path):
    """As the standard executors: the error is told, and what was submitted ends."""
    script = DROPPED + AT_THE_END + "    raise ValueError('the script failed')\n"
    done = run_script(tmp_path, script, site, check=False)
    assert (done.returncode, done.stdout) == (1, "came 0\n")
    assert done.stderr.rstrip().endswith("ValueError: the script failed")
