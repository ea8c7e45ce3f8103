"""The rows of the table: what is done, who does it, what would be ideal, and what is wanted of us."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

WORKERS = 8
SITES: dict[str, dict[str, float]] = {  # what is done to each request
    "loopback": {},
    "300 ms": {"latency": 0.3},
    "300 ms, 60/min": {"latency": 0.3, "quota": 10},  # in each ten seconds
}
REST = ("floor", "fcx", "seed")  # whose way leads through the API


@dataclass(frozen=True)
class Goal:
    """What is wanted of fcx; what is not said is not wanted."""

    times: float | None = None  # of the base's seconds
    seconds: float | None = None
    share: float | None = None  # of the ideal
    requests: int | None = None
    memory: float | None = None  # MB

    def text(self) -> str:
        """As it stands in the table."""
        said = (
            (self.times, "{:g} times"),
            (self.seconds, "{:g} s"),
            (self.share, "{:.0%} of ideal"),
            (self.requests, "{:,} requests"),
            (self.memory, "{:g} MB"),
        )
        return ", ".join(form.format(value) for value, form in said if value is not None)


@dataclass(frozen=True)
class Row:
    """One line of the table at one site; ``kind`` is what trial.py does, ``size`` what with."""

    name: str
    title: str
    kind: str
    who: tuple[str, ...]
    goal: Goal = field(default_factory=Goal)
    size: dict[str, Any] = field(default_factory=dict)
    base: str = "floor"
    site: str = "loopback"
    ideal: float | None = None  # seconds
    workers: int = WORKERS
    repeats: int = 3
    quick: bool = False  # it belongs to the short form
    asked: bool = False  # it runs only if it is named: it takes many minutes

    @property
    def key(self) -> str:
        """What tells it from all others."""
        return self.name if self.site == "loopback" else f"{self.name} @ {self.site}"


PEERS = ("processes", "parsl", "dask")
NOOPS = "no-ops, from making the executor to the last result"


def noops(count: int, who: tuple[str, ...], goal: Goal, **more: Any) -> Row:
    """Tasks that do nothing."""
    title = f"{count:,} {NOOPS}" if count > 1 else "1 no-op, cold"
    return Row(f"noops-{count}", title, "noops", who, goal, {"count": count}, **more)


def sleeps(count: int, seconds: float, who: tuple[str, ...], goal: Goal, **more: Any) -> Row:
    """Tasks that take time and nothing else."""
    size = {"count": count, "seconds": seconds}
    name, title = f"{count}x{seconds:g}s", f"{count:,} tasks of {seconds:g} s, 8 workers"
    ideal = count * seconds / WORKERS
    return Row(name, title, "sleeps", who, goal, size, ideal=ideal, **{"repeats": 1, **more})


def _rows() -> list[Row]:
    mine, all_peers = ("floor", "fcx"), ("floor", "fcx", *PEERS)
    slow = {"site": "300 ms"}
    few = {"site": "300 ms, 60/min"}
    return [
        noops(1, (*mine, "seed", "submitit"), Goal(times=1.1), workers=1, repeats=7, quick=True),
        noops(100, (*all_peers, "seed", "submitit"), Goal(seconds=0.8, requests=12), quick=True),
        noops(1_000, all_peers, Goal(seconds=1.3, requests=15), quick=True),
        noops(10_000, all_peers, Goal(seconds=2.5, requests=20)),
        noops(
            100_000,
            ("floor", "fcx", "processes"),
            Goal(seconds=15, requests=100, memory=300),
            repeats=1,
        ),
        sleeps(1_000, 0.1, all_peers, Goal(share=0.95), quick=True),
        sleeps(200, 1.0, all_peers, Goal(share=0.96)),
        noops(1_000, mine, Goal(), **slow),
        noops(1_000, mine, Goal(), **few),
        sleeps(1_000, 0.1, mine, Goal(share=0.9), **slow),
        sleeps(200, 1.0, mine, Goal(share=0.93), **slow),
        sleeps(1_000, 0.1, mine, Goal(), **few),
        sleeps(200, 1.0, mine, Goal(), **few),
        Row(
            *("series", "submit().result(), 60 times in a row, seconds each", "series"),
            all_peers,
            Goal(seconds=0.05),
            {"count": 60},
            repeats=2,
            quick=True,
        ),
        Row(
            *("trickle", "a submit every 0.2 s for a minute, median seconds to its result"),
            "trickle",
            ("fcx", "processes", "dask"),
            Goal(seconds=0.3),
            {"count": 300, "every": 0.2},
            base="processes",
            repeats=1,
        ),
        Row(
            *("trickle-15", "a submit every 0.2 s for 15 minutes, median seconds to its result"),
            "trickle",
            ("fcx", "processes"),
            Goal(seconds=0.3),
            {"count": 4500, "every": 0.2},
            base="processes",
            repeats=1,
            asked=True,
        ),
        Row(
            *("emcee", "emcee, 8 walkers, 20 steps", "emcee"),
            ("fcx", "processes", "dask"),
            Goal(seconds=3.0),
            {"steps": 20},
            base="processes",
            repeats=2,
        ),
        Row(
            *("dask-array", "dask.array, 400 numbers in 4 chunks", "array"),
            ("fcx", "processes", "dask"),
            Goal(seconds=3.0),
            base="processes",
            repeats=2,
        ),
        Row(
            *("argument", "an argument of 100 MB", "argument", ("floor", "fcx", "dask")),
            Goal(times=1.1),
            {"megabytes": 100},
            workers=1,
        ),
        Row(
            *("result", "a result of 100 MB", "result", ("floor", "fcx", "dask")),
            Goal(times=1.2),
            {"megabytes": 100},
            workers=1,
        ),
        Row(
            *("after-large", "pow, right after a result of 300 MB", "after_large"),
            ("fcx", "processes", "dask"),
            Goal(seconds=0.2),
            {"megabytes": 300},
            base="processes",
            workers=1,
            repeats=2,
        ),
    ]


ROWS = _rows()


def chosen(names: list[str], *, quick: bool, sites: list[str]) -> list[Row]:
    """Those that were asked for by name, else all but the longest."""
    unknown = set(names) - {row.name for row in ROWS}
    if unknown:
        raise SystemExit(f"no row is called {', '.join(sorted(unknown))}: see --list")
    if names:
        rows = [row for row in ROWS if row.name in names]
    else:
        rows = [row for row in ROWS if not row.asked and (row.quick or not quick)]
    at = list(SITES)  # the last of them has a quota, which fcx remembers from then on
    return sorted((row for row in rows if row.site in sites), key=lambda row: at.index(row.site))
