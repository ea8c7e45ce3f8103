"""A run that was cancelled does not hold its script for ever where the cluster does not answer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import pytest
from cluster.project import Project
from executors.deadline import WAIT, eventually, within
from executors.script import heed_interrupts

SCRIPT = """
    import sys, time
    from fcx import FirecrestExecutor
    from fcx.executor import parting

    parting.SILENCE = 2.0
    with FirecrestExecutor(sys.argv[1], ["--time=5"], max_workers=1, progress=False) as executor:
        future = executor.submit(time.sleep, 600)
        while not future.running():
            time.sleep(0.1)
        print(executor.run_directory.rpartition("/")[2], flush=True)
        future.result()
"""


@pytest.mark.slow
def test_where_nothing_answers_it_is_left_and_ended_later(site, tmp_path):
    """Ctrl-C: it says which run is left, and the command that ends it does."""
    path = tmp_path / "script.py"
    path.write_text(textwrap.dedent(SCRIPT), encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, str(path), str(tmp_path)],
        env={**os.environ, **site},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_interrupts,  # noqa: PLW1509 - no other thread is in the midst of anything
    ) as process:
        run = within(WAIT, process.stdout.readline).strip()
        site.faults.set("*", latency=WAIT)
        try:
            process.send_signal(signal.SIGINT)
            _, told = process.communicate(timeout=WAIT)
        finally:
            process.kill()
            site.faults.clear()
    assert told.count(f"`fcx runs cancel {run}` ends them once it answers") == 1
    assert told.rstrip().endswith("KeyboardInterrupt")
    project = Project(tmp_path, site)
    project.fcx("runs", "cancel", run)
    project.fcx("runs", "clean", run, "--uncollected")
    assert eventually(lambda: not list(tmp_path.glob(".fcx-*/[0-9]*")))
