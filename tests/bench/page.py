"""docs/performance.md from docs/performance.json: the tables, the picture, and what was measured on.

PYTHONPATH=tests:tests/support python -m bench.page      write the page anew from the stored JSON
"""

from __future__ import annotations

import json
from typing import Any

from .chart import drawn
from .contestants import CONTESTANTS, ROOT
from .report import by_row, misses, ratio
from .rows import SITES, Row

DOCS = ROOT / "docs"
STORED = DOCS / "performance.json"
CLIENT = 60  # microseconds that a task may cost the client
HEAD = """\
# Performance

`make bench` measures all of this again, `make bench ARGS="--quick"` a part of it in three minutes; a row whose
ratio got 1.2 times worse than the one that is stored here is shown in red. This page is written from
[performance.json](performance.json) by `make bench ARGS="--publish"`.
"""
HOW = """\
## How it was measured

All contestants in one run, in alternation, each trial a process of its own; medians. The clock begins before the
executor is made and ends with the last result; imports are not on it, nor is the
first look at a place that fcx does not know. In series, arguments, results and the trickle the executor has its node already. All sit before one real Slurm with 8 slots on this machine: the floor, fcx
and the seed through a FirecREST server that counts their requests, the others directly. *Ratio* is to the row's
floor, or to ProcessPoolExecutor where nothing is to be done by hand; *ideal* is the time of the tasks alone, on 8
workers; memory is the client's peak.
"""

SIMULATED = """\
The real cores of client and agent in virtual time (`tests/simulation/times/`), with constants from the same run of
the bench: what single requests and a task's parts cost was measured, four constants (from a job's begin to its agent,
a worker's start, an agent's work for a task, from an upload to an agent's look) are fitted to the four rows that say so.
All others are forecasts. Where both ran, the simulated job begins when the real one did: how long Slurm takes for that,
here 0.2 to 2 s by chance, is what a site is given with, as its latency is. *Refused* are requests
that met the quota; *idle* is the share of the workers' time, from each job's begin, in which no task ran.
"""


def published(document: dict[str, Any]) -> None:
    """Write the JSON, the picture and the page."""
    STORED.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    (DOCS / "performance.svg").write_text(drawn(document["rows"]), encoding="utf-8")
    (DOCS / "performance.md").write_text(page(document), encoding="utf-8")


def page(document: dict[str, Any]) -> str:
    """The whole text."""
    figures = document["rows"]
    parts = [
        *(HEAD, _machine(document), HOW, _contestants(figures)),
        "## The table\n\n" + _table(figures),
        "![times the base, by row and contestant](performance.svg)\n",
        "## Where fcx misses what is wanted\n\n" + _missed(figures),
        "## Three sites\n\n" + _sites(figures),
        *_processor(document),
        *_simulated(document),
    ]
    return "\n".join(parts)


def _machine(document: dict[str, Any]) -> str:
    m = document["machine"]
    return (
        f"Measured {document['when']}, commit {m['commit']}, on one machine: {m['cores']} cores "
        f"({m['processor']}), {m['memory_GB']} GB, {m['system']}, Linux {m['kernel']}, "
        f"Python {m['python']}, {m['slurm']}. {document.get('remark', '')}".rstrip()
        + "\n"
    )


def _contestants(figures: list[dict[str, Any]]) -> str:
    there = {figure["who"] for figure in figures}
    return (
        "\n".join(f"- *{c.name}*: {c.text}" for c in CONTESTANTS.values() if c.name in there) + "\n"
    )


def _lines(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A table."""
    lines = ["| " + " | ".join(cells) + " |" for cells in (head, ("---",) * len(head), *rows)]
    return "\n".join(lines) + "\n"


def _seconds(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _table(figures: list[dict[str, Any]]) -> str:
    head = ("row", "wanted", "fcx", "ratio", "requests", "MB", "others, seconds")
    rows = []
    for row, mine in by_row(figures):
        fcx, times = mine.get("fcx"), ratio(row, mine)
        if fcx is None:
            continue
        share = f" ({fcx['share']:.0%} of ideal)" if "share" in fcx else ""
        others = [_other(row, name, f) for name, f in mine.items() if name != "fcx"]
        rows.append(
            (
                _title(row),
                row.goal.text(),
                f"**{_seconds(fcx['seconds'])} s**{share}",
                "" if times is None else f"{times:.2f}",
                str(fcx["requests"]),
                f"{fcx['memory_MB']:.0f}",
                ", ".join(others),
            )
        )
    return _lines(head, rows)


def _title(row: Row) -> str:
    return row.title if row.site == "loopback" else f"{row.title}, {row.site}"


def _other(row: Row, name: str, figures: dict[str, Any]) -> str:
    told = f"{name} {_seconds(figures['seconds'])}"
    if row.ideal is not None:
        told += f" ({figures['share']:.0%})"
    return told + (f", {figures['requests']} requests" if name == "seed" else "")


def _missed(figures: list[dict[str, Any]]) -> str:
    rows = [(_title(row), "; ".join(misses(row, mine))) for row, mine in by_row(figures)]
    rows = [(title, text) for title, text in rows if text]
    return _lines(("row", "is, and is not"), rows) if rows else "Nowhere.\n"


def _sites(figures: list[dict[str, Any]]) -> str:
    """The rows that were measured at each site: time, requests, share of the ideal."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for row, mine in by_row(figures):
        if "fcx" in mine:
            found.setdefault(row.title, {})[row.site] = mine["fcx"]
    rows = [
        (title, *(_at(by_site[site]) for site in SITES))
        for title, by_site in found.items()
        if set(by_site) == set(SITES)
    ]
    return _lines(("fcx", *SITES), rows)


def _at(figures: dict[str, Any]) -> str:
    share = f", {figures['share']:.0%} of ideal" if "share" in figures else ""
    return f"{_seconds(figures['seconds'])} s, {figures['requests']} requests{share}"


def _processor(document: dict[str, Any]) -> list[str]:
    """What a task costs the client, by part of its way."""
    if "client" not in document:
        return []
    client = document["client"]
    rows = [(part, f"{spent:.1f}") for part, spent in client["parts"].items()]
    rows.append(("all", f"{client['all']:.1f}, wanted: {CLIENT:g}"))
    text = (
        f"## What a task costs the client\n\nMicroseconds of processor time, {client['tasks']:,} "
        "no-ops through a cluster of processes, by part of a task's way (`tests/bench/client_cpu.py`):"
    )
    return [f"{text}\n", _lines(("part", "us a task"), rows)]


def _simulated(document: dict[str, Any]) -> list[str]:
    """What the simulator says: beside what was real, and alone."""
    if "simulated" not in document:
        return []
    cases = document["simulated"]["cases"]
    both = [case for case in cases if "real" in case]
    head = ("row", "real", "simulated", "off", "requests, real", "simulated")
    calibrated = [
        (
            case["case"] + (" (fitted)" if case["fitted"] else ""),
            f"{_seconds(case['real'])} s",
            f"{_seconds(case['seconds'])} s",
            f"{case['off']:+.0%}",
            str(case["real_requests"]),
            str(case["requests"]),
        )
        for case in both
    ]
    alone = [(case["case"], *_cells(case)) for case in cases if "real" not in case]
    constants = ", ".join(f"{k} {v:.3g}" for k, v in document["simulated"]["constants"].items())
    return [
        f"## Simulated\n\n{SIMULATED}\nConstants, in seconds but for the cores: {constants}.\n",
        _lines(head, calibrated),
        _lines(ALONE, alone),
    ]


ALONE = (
    "simulated alone",
    "time",
    "first result",
    "requests",
    "refused",
    "of ideal",
    "idle",
    "jobs",
)


def _cells(case: dict[str, Any]) -> tuple[str, ...]:
    times = f"{_seconds(case['seconds'])} s", f"{_seconds(case['first'])} s"
    shares = (f"{v:.0%}" if v is not None else "" for v in (case["share"], case["idle"]))
    return (*times, str(case["requests"]), str(case["refused"]), *shares, str(case["jobs"]))


def main() -> None:
    """Write it anew."""
    published(json.loads(STORED.read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()
