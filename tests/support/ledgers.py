"""Ledgers of made-up runs: lines as processes note them, and the reports on these."""

from __future__ import annotations

from typing import Any

from fcx.report import lines
from fcx.report.lines import AnyLine
from fcx.report.model import Report
from fcx.report.sum_up import report

BEGAN = 1_795_764_000.0
PLACE = {
    "policy": "strict",
    "passed": True,
    "checked": BEGAN,
    "interpreter": "/usr/bin/python3",
    "image": "registry.example/team/sim:1",
    "edf": {"name": "sim.toml", "sha256": "e" * 64},
    "manifest": {
        "name": "sim",
        "tag": "registry.example/team/sim:1",
        "repo_digest": "registry.example/team/sim@sha256:" + "d" * 64,
        "build_id": "b1d",
    },
    "remote": {"python": "cpython 3.11.7", "dill": "0.4.1", "os": "Debian", "libc": "glibc 2.36",
               "machine": "x86_64", "build_id": "b1d", "packages": {"numpy": "2.1.0"}},
    "client": {"python": "cpython 3.11.7", "dill": "0.4.1", "packages": {"numpy": "2.0.0"}},
    "findings": [["info", "numpy", "2.0.0", "2.1.0"]],
}  # fmt: skip


def began(name: str = "sweep", at: float = BEGAN) -> AnyLine:
    """The first line of a file."""
    return lines.Began(
        at, f"{name}-1", name, "daint", "https://api.example/v2", "0.1.0", "3.11.7", "laptop", 7
    )


def beginning(name: str = "sweep", **place: Any) -> list[AnyLine]:
    """What any file begins with."""
    shape = lines.Shape(0, ("--time=1", "--nodes=1"), (), 2, 1)
    return [began(name), shape, lines.Place(BEGAN, 0, {**PLACE, **place})]


def pilot(number: int, workers: int = 2, at: float = BEGAN, ahead: float = 0.0) -> list[AnyLine]:
    """A pilot that begins five seconds after its submit; ``ahead``: its node's clock is."""
    name, job = f"p{number:03d}", str(1000 + number)
    return [
        lines.Pilot(at, name),
        lines.Pilot(at, name, job),
        lines.Up(at + 5.5, f"{job}.0.0", name, f"nid{number:05d}", at + 5 + ahead, 64, workers),
    ]


def submitted(
    at: float, *ids: str, name: str = "f", mark: str = "mark", earlier: bool = False
) -> AnyLine:
    """Tasks of one function."""
    return lines.Tasks(at, tuple(lines.Task(one, name, 800, mark) for one in ids), earlier)


def ended(number: int, at: float) -> AnyLine:
    """Slurm says that it has ended."""
    return lines.Jobs(at, [(str(1000 + number), "COMPLETED", "None", BEGAN + 4, at, 1)])


def many(
    tasks: int, pilots: int = 4, workers: int = 2, seconds: float = 0.05, name: str = "simulate"
) -> list[AnyLine]:
    """A run of so many tasks, one in 40 of which fails, dealt out to all workers in turn."""
    found = [*beginning(), lines.Code("mark", "c" * 64)]
    ids = [f"t{n:07d}" for n in range(1, tasks + 1)]
    found.append(submitted(BEGAN + 1, *ids, name=name))
    for number in range(1, pilots + 1):
        found += pilot(number, workers)
    found.append(lines.Failure(1, "ValueError", "no convergence", TRACEBACK))
    slots = pilots * workers
    for number in range(1, pilots + 1):
        log, done = f"{1000 + number}.0.0", []
        for n in range(tasks):
            if n % slots // workers == number - 1:
                begin = BEGAN + 6 + (n // slots) * seconds * 1.1
                took = seconds * (0.5 + (n * 7919 % 100) / 200)
                done.append((ids[n], 0, n % workers, round(begin, 3), took, 40, int(n % 40 == 3)))
        found.append(lines.Read(BEGAN + 6 + tasks / slots * seconds * 1.1 + 1, log, done=done))
    over = BEGAN + 8 + tasks / slots * seconds * 1.1
    found += [ended(number, over) for number in range(1, pilots + 1)]
    return [*found, lines.Requests(over, {"read": 40, "submit the job": pilots}), lines.Ended(over)]


TRACEBACK = (
    "Traceback (most recent call last):\n"
    '  File "sweep.py", line 10, in simulate\n'
    '    raise ValueError("no convergence")\n'
    "ValueError: no convergence\n"
)


def drawn(*files: list[AnyLine], now: float = BEGAN + 1e6, served: bool = False) -> Report:
    """The report on them, by way of the bytes on disk."""
    read = [lines.decode(lines.encode(file)) for file in files]
    return report(read, now=now, fcx="0.1.0", served=served)
