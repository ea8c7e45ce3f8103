"""The lock that says that a process serves a run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from fcx.state.presence import Presence

HOLD = """
import sys
from pathlib import Path
from fcx.state.presence import Presence
Presence("r", Path(sys.argv[1])).hold()
print("held", flush=True)
sys.stdin.read()
"""


def holder(folder: Path) -> subprocess.Popen:
    """A process that holds the lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


def test_it_dies_with_its_process(tmp_path: Path):
    """However that ends."""
    presence = Presence("r", tmp_path)
    assert presence.holder() == 0
    process = holder(tmp_path)
    assert presence.holder() == process.pid
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert presence.holder() == 0


def test_each_process_has_its_own(tmp_path: Path):
    """One that takes a run over is there when the older one has gone."""
    process = holder(tmp_path)
    second = Presence("r", tmp_path)
    second.hold()
    process.communicate()
    assert Presence("r", tmp_path).holder() == os.getpid()
    second.release()
    assert Presence("r", tmp_path).holder() == 0


def test_it_is_let_go(tmp_path: Path):
    """Once the run is over."""
    presence = Presence("r", tmp_path)
    presence.hold()
    assert presence.holder() == os.getpid()
    presence.release()
    assert presence.holder() == 0


def test_a_state_folder_that_cannot_be_written(tmp_path: Path):
    """The run goes on without."""
    (tmp_path / "file").write_text("")
    presence = Presence("r", tmp_path / "file")
    presence.hold()
    assert presence.holder() == 0
