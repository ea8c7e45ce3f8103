"""What was measured on."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from .contestants import ROOT


def machine() -> dict[str, Any]:
    """Processor, memory, system, Python, Slurm, and which fcx."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": _after(Path("/proc/cpuinfo"), "model name"),
        "cores": os.cpu_count(),
        "memory_GB": round(memory),
        "system": _after(Path("/etc/os-release"), "PRETTY_NAME").strip('"'),
        "kernel": platform.release().partition("-")[0],
        "python": platform.python_version(),
        "slurm": _said("slurmctld", "-V"),
        "commit": _said("git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"),
    }


def _after(path: Path, word: str) -> str:
    """What a file says behind a word."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    found = (line for line in lines if line.startswith(word))
    return next(found, "").replace("=", ":", 1).partition(":")[2].strip()


def _said(*words: str) -> str:
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()
