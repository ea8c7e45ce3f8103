"""What the constructor begins in the background: it helps who submits, and harms nobody else."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest
from executors.deadline import WAIT, eventually
from executors.script import run_script

from fcx.local import cluster

HEAD = """
    import os, threading, time
    from fcx import FirecrestExecutor

    def made():
        return FirecrestExecutor(os.environ["WORKING_DIR"], ["--time=00:05:00"], max_workers=1)

    def early():
        return [each for each in threading.enumerate() if each.name == "fcx-early"]
"""


@pytest.fixture(scope="module")
def own():
    """A cluster whose requests nobody else counts."""
    with cluster(scheduler="process") as env:
        yield env


def run(folder, text, env, **options):
    """A user's script, which says nothing but what it prints."""
    done = run_script(folder, textwrap.dedent(HEAD) + textwrap.dedent(text), env, **options)
    assert done.stderr == ""
    return done.stdout


def test_one_token_for_constructor_and_tasks(own, tmp_path):
    """What was fetched before is what the first request takes."""
    own.reset_counts()
    script = """
        import logging
        logging.disable()
        with made() as executor:
            for each in early():
                each.join()
            print(executor.submit(abs, -3).result())
    """
    assert run(tmp_path, script, own) == "3\n"
    assert own.counts()["token"] == 1


def test_who_submits_nothing_has_asked_for_a_token(own, tmp_path):
    """Once, and for nothing else; the thread is gone, and no other was begun."""
    own.reset_counts()
    script = """
        import logging
        logging.basicConfig(level=logging.DEBUG)  # what others log of it is ours, not the user's
        logging.getLogger("asyncio").setLevel(logging.INFO)  # that there is a loop
        executor = made()
        for each in early():
            each.join()
        print([each.name for each in threading.enumerate()])
        time.sleep(1)
        executor.shutdown()
    """
    assert run(tmp_path, script, own) == "['MainThread']\n"
    assert own.counts() == {"token": 1}


@pytest.mark.parametrize("then", ["", "os.kill(os.getpid(), 2)", "executor.shutdown()"])
def test_who_leaves_at_once(own, tmp_path, then):
    """Is not held up, and told nothing."""
    done = run_script(
        tmp_path, textwrap.dedent(HEAD) + f"executor = made()\n{then}", own, check=False
    )
    assert done.returncode == (-2 if "kill" in then else 0)
    assert "fcx-early" not in done.stderr
    assert then.startswith("os.kill") or done.stderr == ""


@pytest.mark.parametrize(
    "wrong", [{"AUTH_TOKEN_URL": "http://127.0.0.1:9/token"}, {"SSL_CERT_FILE": ""}]
)
def test_what_fails_then_is_not_said(own, tmp_path, wrong):
    """Nor where no token can be had: whoever submits hears of it."""
    script = """
        executor = made()
        for each in early():
            each.join()
        print("made")
    """
    assert run(tmp_path, script, {**own, **wrong}) == "made\n"


@pytest.mark.slow
def test_a_child_can_do_the_same(own, tmp_path):
    """One that is forked in the middle of it finds no module half imported."""
    script = """
        import logging, warnings
        logging.disable()
        warnings.simplefilter("ignore")
        for pause in (0, 0.002, 0.01, 0.05):
            if "fcx.firecrest.api" in __import__("sys").modules:
                break  # it is all there: no fork can meet it half way
            executor = made()
            time.sleep(pause)
            child = os.fork()
            if not child:
                with made() as own:
                    value = own.submit(abs, -7).result(60)
                os._exit(value)  # its pilot has ended: the next child needs the place
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    assert set(run(tmp_path, script, own).split()) == {"7"}


@pytest.mark.parametrize("step", ["load", "alone"])
def test_a_fork_waits_for_imports(tmp_path, step):
    """At first, or as the token is fetched: what a child would wait for, for ever, is whole by then."""
    (tmp_path / "slow_module.py").write_text("import time\ntime.sleep(1)\nwhole = True\n")
    script = textwrap.dedent("""
        import os, sys, threading
        from fcx.config import Credentials
        from fcx.firecrest import early

        begun = threading.Event()
        def load(*work):
            for each in work:
                each.close()
            begun.set()
            import slow_module
        setattr(early, sys.argv[1], load)
        one = early.Early(Credentials("i", "s", "http://127.0.0.1:9/t", "http://127.0.0.1:9", "s", "a"))
        begun.wait()
        child = os.fork()
        if not child:
            import slow_module
            os._exit(7 if slow_module.whole else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    """)
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, step],
        check=True,
        cwd=tmp_path,
        timeout=WAIT,
        env={"PYTHONPATH": str(tmp_path)},
    )


@pytest.mark.slow
def test_the_first_request_does_not_wait_for_ever(make, own, tmp_path):
    """An endpoint that hangs while the executor is made, and is well when something is submitted."""
    own.faults.set("token", latency=30.0)
    try:
        executor = make(tmp_path, ["--time=00:05:00"], env=own)
        eventually(lambda: any("token" in str(each) for each in own.faults.injected()))
    finally:
        own.faults.clear()
    assert executor.submit(abs, -5).result(WAIT) == 5
