"""The package firecrest-executor, as it is published, runs its own README script here.

Of the script, only what belongs to its author's site is changed: the directory, the `--environment`
of srun, and the module's name (the README writes it with a dash, which is no Python).
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytest_plugins = ["conformance.fixtures"]

SEED = "firecrest-executor"
VERSION = "0.3.1"


@pytest.fixture(scope="session")
def seed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the seed alone; its dependencies are ours too."""
    folder = tmp_path_factory.mktemp("seed")
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
    done = subprocess.run(
        [*install, str(folder), f"{SEED}=={VERSION}"], capture_output=True, text=True, check=False
    )
    if done.returncode and re.search("connection|network|resolve", done.stderr, re.IGNORECASE):
        pytest.skip("the package index can't be reached")
    assert done.returncode == 0, done.stderr
    return folder


def readme_script(folder: Path, directory: str) -> str:
    """The README's example, made to run on this system."""
    (found,) = importlib.metadata.distributions(name=SEED, path=[str(folder)])
    assert found.version == VERSION
    text = found.read_text("METADATA") or ""  # as it is: packages may have put other readers in
    example = re.search(r"```python\n(from firecrest-executor import.*?)```", text, re.DOTALL)
    assert example, "the README has no example any more"
    changes = [
        ("from firecrest-executor import", "from firecrest_executor import"),
        ('/users/vjoost/FirecrestExecutorDemo/",\n    sbatch', f'{directory}",\n    sbatch'),
        ('["--environment=/users/vjoost/FirecrestExecutorDemo/demo.toml"]', "[]"),
    ]
    script = example[1]
    for old, new in changes:
        assert script.count(old) == 1, old
        script = script.replace(old, new)
    return script


@pytest.mark.slow
def test_the_seeds_readme_script_runs(server, place, seed, tmp_path):
    """Four calls travel as jobs, and their results come back."""
    (tmp_path / "simple.py").write_text(readme_script(seed, place), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(tmp_path / "simple.py")],
        env={**os.environ, **server.env, "PYTHONPATH": str(seed)},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "Executing remotely, stay tuned..."
    assert lines[1].startswith("Success testing execution on ")
    if server.kind != "env":
        assert socket.gethostname() in lines[1]
    assert lines[2] == "Let's compute squares of 2..4:  [4.0, 9.0, 16.0]"
    states = [
        job["status"]["state"]
        for job in server.client.job_info(server.system, name="FirecrestExecutor")
        if job["workingDirectory"].rstrip("/") == place
    ]
    assert states == ["COMPLETED"] * 4
