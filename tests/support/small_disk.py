"""A file system that is as small as a test wants it."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


@contextlib.contextmanager
def small_disk(folder: Path, options: str) -> Iterator[Path]:
    """Mount one at a new folder for a block, with options of mount(8) such as `size=64k`."""
    if os.geteuid() != 0:
        pytest.skip("to mount a file system takes root")
    folder.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", options, "fcx-test", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("file systems cannot be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path, *, leave: int = 0) -> None:
    """Leave that many bytes free."""
    with (folder / "filling").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    if leave:
        os.truncate(folder / "filling", (folder / "filling").stat().st_size - leave)
