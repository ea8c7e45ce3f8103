"""Runs a user's script as a program of its own: there `__main__` is the script, as it is for users."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

from executors.deadline import WAIT


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
    )
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done
