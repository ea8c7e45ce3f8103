"""`fcx local up` from the command line: what it announces, and how it ends."""

from __future__ import annotations

import json
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fcx.config import VARIABLES


@contextmanager
def served(*words: str) -> Iterator[subprocess.Popen[str]]:
    """A cluster in the foreground of another process, interrupted at the end."""
    command = [sys.executable, "-m", "fcx", "local", "up", *words]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate()


def test_up_announces_itself_as_json():
    """One line for machines: where it listens, and the six variables."""
    with served("--json") as process:
        assert process.stdout
        announced = json.loads(process.stdout.readline())
        assert set(VARIABLES) <= set(announced["env"])
        assert announced["env"]["FIRECREST_URL"].startswith(announced["url"])
    assert process.returncode == 0


def test_up_writes_the_variables_to_a_private_file(tmp_path: Path):
    """With its folder, whole, and readable by nobody else; a shell takes them from it."""
    file = tmp_path / "new" / "env.sh"
    with served("--env-file", str(file)) as process:
        assert process.stderr
        assert "FirecREST v2 at " in process.stderr.readline()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        shell = f". {file}; echo $FIRECREST_SYSTEM"
        said = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=True)
        assert said.stdout.strip()


def test_what_cannot_be_served_is_an_error_of_the_cluster():
    """A port that another one has: exit code 4; a fault that there is not: 2."""
    with served("--json") as first:
        assert first.stdout
        port = json.loads(first.stdout.readline())["url"].rpartition(":")[2].partition("/")[0]
        with served("--json", "--port", port) as second:
            assert second.stdout
            assert json.loads(second.stdout.read())["error"]["exit_code"] == 4
        assert second.returncode == 4
    with served("--fault", "nonsense") as wrong:
        assert wrong.wait() == 2
