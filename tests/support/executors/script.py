"""Runs a user's script as a program of its own: there `__main__` is the script, as it is for users."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

from executors.deadline import WAIT


def heed_interrupts() -> None:
    """In a process that is to be: it ends by SIGINT, also where those who started us do not."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def run_script(
    folder: Path, text: str, env: Mapping[str, str], *, timeout: float = WAIT, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Write a script into a folder and run it there, with the six variables set."""
    path = folder / "script.py"
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(path)],
        env={**os.environ, **env, "WORKING_DIR": str(folder)},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        preexec_fn=heed_interrupts,  # noqa: PLW1509 - no other thread is in the midst of anything
    )
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


def memory_for_a_result(folder: Path, env: Mapping[str, str], before: str = "") -> float:
    """What a script's memory grew by, at most, for a result of 150 MB, in sizes of that result.

    A second copy of it makes this 2; some 20 to 30 MB of pieces on their way belong to it.
    """
    script = f"""
        import os, re
        from pathlib import Path
        from fcx import FirecrestExecutor
        {before}

        def held(what):
            found = re.search(what + r":\\s*(\\d+)", Path("/proc/self/status").read_text())
            return int(found[1]) << 10

        def made(size):
            return b"x" * size

        SIZE, WHERE = 150_000_000, os.environ["WORKING_DIR"]
        with FirecrestExecutor(WHERE, ["--time=00:05:00"], max_workers=1) as executor:
            executor.submit(made, 10_000_000).result()
            before = held("VmRSS")
            value = executor.submit(made, SIZE).result()
            assert len(value) == SIZE
            print((held("VmHWM") - before) / SIZE)
    """
    return float(run_script(folder, script, env).stdout)
