"""One trial: a contestant does a row in a process of its own, and what it took is told."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .contestants import HOME, Contestant
from .place import Site
from .rows import Row


class Failed(RuntimeError):
    """A contestant did not do its row; the message has the end of what it said."""


@dataclass(frozen=True)
class Figures:
    """What one trial took."""

    seconds: float
    wall: float
    requests: int
    memory_MB: float
    first: float | None = None
    cpu: dict[str, float] | None = None
    more: dict[str, float] | None = None


def trial(site: Site, row: Row, who: Contestant) -> Figures:
    """Do it, once everything else has ended."""
    site.settle()
    task = {
        "way": who.way,
        "kind": row.kind,
        "size": row.size,
        "workers": row.workers,
        "folder": str(site.room()),
        "home": str(site.home),
        "env": dict(site.env),
    }
    with site.like(row.site), tempfile.TemporaryFile("w+") as said:
        with subprocess.Popen(
            [who.python, str(HOME / "trial.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
            env=_environment(who),
            cwd=task["folder"],
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            _write(process, json.dumps(task))
            found = _figures(site, process)
        if found is None:
            said.seek(0)
            raise Failed(f"{who.name} did not do {row.key}:\n{said.read()[-2000:]}")
    return found


def _figures(site: Site, process: Any) -> Figures | None:
    """Start the clock when it is ready, and count the requests until it has stopped."""
    for line in process.stdout:
        if line == "ready\n":
            site.env.reset_counts()
            _write(process, "")
        elif line.startswith("{"):
            counts = site.env.counts()
            _write(process, "")
            told = json.loads(line)
            known = {name: told.pop(name) for name in KNOWN}
            return Figures(**known, requests=sum(counts.values()), more=told or None)
    return None


def _environment(who: Contestant) -> dict[str, str]:
    """With the programs beside its Python: Parsl starts some by name."""
    programs = str(Path(who.python).parent)
    return {**os.environ, "PATH": os.pathsep.join((programs, os.environ["PATH"]))}


def _write(process: Any, line: str) -> None:
    process.stdin.write(line + "\n")
    process.stdin.flush()


KNOWN = ("seconds", "wall", "memory_MB", "first", "cpu")


def as_json(figures: Figures) -> dict[str, Any]:
    """Without what was not told."""
    return {name: value for name, value in asdict(figures).items() if value is not None}
