"""A preflight that is told to end takes its job along, and says so."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading

import pytest
from executors.deadline import WAIT, eventually

from fcx.config import Credentials
from fcx.firecrest.client import Client
from fcx.firecrest.loop import LoopThread

# Whoever runs tests in the background has them ignore Ctrl-C, and what they start, too.
HEAR = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"  # who started us may ignore both
)
PREFLIGHT = """
import logging, sys
from fcx import FirecrestExecutor
logging.basicConfig(level=logging.INFO)
FirecrestExecutor(sys.argv[1], ["--time=5"]).preflight(fresh=True)
"""
COMMAND = "from fcx.cli import main; main()"


def ask(site, job):
    """The state of a job."""

    async def state():
        client = Client(Credentials.from_env(dict(site)))
        try:
            return await client.jobs.ask(job)
        finally:
            await client.close()

    found = LoopThread.shared().run(state())
    return found and found.state


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
@pytest.mark.parametrize("way", ["command", "method"])
def test_while_its_job_waits(site, tmp_path, number, way):
    site.faults.set("submit", pending=120.0)
    command = [sys.executable, "-c", HEAR + COMMAND, "preflight", "--fresh", "--working-dir"]
    if way == "method":
        command = [sys.executable, "-c", HEAR + PREFLIGHT]
    site_env = {**os.environ, **site}
    with subprocess.Popen(
        [*command, str(tmp_path)], env=site_env, cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as child:
        lines: list[str] = []
        reader = threading.Thread(target=lambda: lines.extend(child.stderr), daemon=True)
        reader.start()
        try:
            job = eventually(lambda: re.search(r"Job (\d+) submitted", "".join(lines)))[1]
            child.send_signal(number)
            code = child.wait(WAIT)
            reader.join(WAIT)
        finally:
            site.faults.clear("submit")
            child.kill()
    assert f"its job {job} is cancelled" in "".join(lines)
    assert ask(site, job) == "CANCELLED"
    assert code == -number or number == signal.SIGINT
    assert code != 0
