"""joblib on a cluster: batches, errors and Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from math import sqrt

import joblib
import pytest
from executors.deadline import WAIT, eventually, within

import fcx.joblib
from fcx.errors import PayloadError


def test_small_calls_travel_together(make, monkeypatch):
    """Two thousand calls are a few hundred tasks, whose results come in order."""
    with make(max_workers=2) as executor, fcx.joblib.backend(executor):
        submit, tasks = executor.submit, []
        monkeypatch.setattr(executor, "submit", lambda *task: tasks.append(task) or submit(*task))
        found = joblib.Parallel()(joblib.delayed(sqrt)(x) for x in range(2000))
    assert found == list(map(sqrt, range(2000)))
    assert len(tasks) < 500


def test_what_cannot_be_pickled_is_raised(make):
    """Where joblib submits it in a callback, too."""
    calls = [joblib.delayed(sqrt)(x) for x in range(40)]
    with make(max_workers=2) as executor, fcx.joblib.backend(executor):
        with pytest.raises(PayloadError, match="generator"):
            joblib.Parallel()([*calls, joblib.delayed(id)(x for x in ())])
        assert joblib.Parallel()(calls[:2]) == [0.0, 1.0]


@pytest.mark.slow
def test_ctrl_c_cancels_its_tasks_and_leaves_the_executor(site, tmp_path):
    """As with joblib's own backends one may go on after a KeyboardInterrupt."""
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(
            """
            import os, signal, time
            import joblib, fcx.joblib
            from fcx import FirecrestExecutor
            signal.signal(signal.SIGINT, signal.default_int_handler)
            def work(path):
                open(path, "w").close()
                time.sleep(3600)
            folder = os.environ["WORKING_DIR"]
            with FirecrestExecutor(folder, max_workers=1, sleep_interval=1) as executor:
                with fcx.joblib.backend(executor):
                    try:
                        joblib.Parallel()([joblib.delayed(work)(folder + "/begun")] * 5)
                    except KeyboardInterrupt:
                        print(joblib.Parallel()([joblib.delayed(abs)(-3)] * 2))
            """
        )
    )
    env = {**os.environ, **site, "WORKING_DIR": str(tmp_path)}
    child = subprocess.Popen([sys.executable, script], env=env, stdout=subprocess.PIPE, text=True)
    try:
        eventually((tmp_path / "begun").exists)
        child.send_signal(signal.SIGINT)
        out, _ = within(WAIT, child.communicate)
    finally:
        child.kill()
    assert (child.returncode, out) == (0, "[3, 3]\n")
