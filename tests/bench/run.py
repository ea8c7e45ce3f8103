"""The table: rows, contestants and sites, in one run and in alternation; each trial a process.

    make bench ARGS="--quick"                           under three minutes
    make bench ARGS="--rows noops-100,series --who fcx,floor"
    make bench ARGS="--list"                            which rows, contestants and sites there are

All sit before the same Slurm of 8 slots on this machine: floor, fcx and seed through a local
FirecREST server, which counts their requests, the others directly. Figures are medians. A row's
ratio is fcx against the floor (or what else stands as its base); one that got 1.2 times worse than
the stored ratio (docs/performance.json) is shown in red.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from simulation.times.run import all_of

from .contestants import CONTESTANTS, ROOT, install_peers
from .machine import machine
from .measuring import Failed, as_json, trial
from .page import STORED, published
from .place import Site, site
from .report import listed, told
from .rows import REST, SITES, Goal, Row, chosen, noops

KNOWN = noops(1, ("fcx",), Goal(), workers=1)  # not measured: from then on the place is known


def row_of(place: Site, row: Row, names: list[str], repeats: int) -> list[dict[str, Any]]:
    """All contestants of a row, in alternation."""
    trials: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for _ in range(repeats):
        for name in list(trials):
            began = time.monotonic()
            try:
                trials[name].append(as_json(trial(place, row, CONTESTANTS[name])))
            except Failed as failed:
                print(failed, file=sys.stderr)
                del trials[name]
                continue
            took = trials[name][-1]["seconds"]
            note = f"  {row.key:28} {name:10} {took:9.3f} s  ({time.monotonic() - began:.0f} s)"
            print(note, file=sys.stderr, flush=True)
    return [summary(row, name, done) for name, done in trials.items() if done]


def summary(row: Row, name: str, done: list[dict[str, Any]]) -> dict[str, Any]:
    """The trial in the middle, and the seconds of all."""
    middle = sorted(done, key=lambda figures: figures["seconds"])[(len(done) - 1) // 2]
    seconds = statistics.median(figures["seconds"] for figures in done)
    found = {"row": row.name, "site": row.site, "who": name, **middle, "seconds": seconds}
    if name not in REST:
        del found["requests"]
    if row.ideal is not None:
        found["share"] = row.ideal / seconds
    return {**found, "trials": [figures["seconds"] for figures in done]}


def measured(options: argparse.Namespace) -> dict[str, Any]:
    """Every row that was asked for, and what single requests take, asked before each."""
    rows = chosen(options.rows, quick=options.quick, sites=options.sites)
    there = set(options.who)
    if options.scheduler != "slurm":
        there -= {name for name in there if CONTESTANTS[name].slurm}
    wanted = {name for row in rows for name in row.who if name in there}
    if any(CONTESTANTS[name].peer for name in wanted) and not install_peers():
        there -= {name for name in there if CONTESTANTS[name].peer}
    found: list[dict[str, Any]] = []
    with site(options.scheduler) as place:
        if "fcx" in wanted & there:
            trial(place, KNOWN, CONTESTANTS["fcx"])
        asked: list[dict[str, float]] = []
        for row in rows:
            place.settle()
            asked.append(place.requests())
            names = [name for name in row.who if name in there]
            repeats = 1 if options.quick and row.repeats < 5 else row.repeats
            found += row_of(place, row, names, options.repeats or repeats)
        medians = {name: statistics.median(each[name] for each in asked) for name in asked[0]}
        return {"requests": medians, "rows": found}


def client_cpu() -> dict[str, Any]:
    """What client_cpu.py finds, in a process of its own as all trials are."""
    command = [sys.executable, str(ROOT / "tests" / "bench" / "client_cpu.py"), "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main(arguments: list[str]) -> int:
    """Measure, print the table, write the JSON; 1 where a row got worse."""
    options = _parser().parse_args(arguments)
    if options.list:
        print(listed())
        return 0
    began = time.time()
    document = {
        "machine": machine(),
        "when": time.strftime("%Y-%m-%d", time.gmtime(began)),
        "scheduler": options.scheduler,
        **measured(options),
    }
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    stored = json.loads(STORED.read_text(encoding="utf-8")) if STORED.is_file() else {"rows": []}
    text, worse = told(document["rows"], stored["rows"])
    if options.publish:
        print("What a task costs the client, then simulations ...", file=sys.stderr)
        published({**document, "client": client_cpu(), "simulated": all_of(document)})
    print(text)
    print(f"{time.time() - began:.0f} s; all figures: {options.json}")
    return bool(worse)


def _parser() -> argparse.ArgumentParser:
    def names(text: str) -> list[str]:
        return [name.strip() for name in text.split(";" if ";" in text else ",")]

    parser = argparse.ArgumentParser(prog="make bench", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="the short form")
    parser.add_argument(
        "--list", action="store_true", help="say what there is, and measure nothing"
    )
    parser.add_argument("--rows", type=names, default=[], help="names, parted by commas")
    parser.add_argument("--who", type=names, default=list(CONTESTANTS), help="contestants")
    parser.add_argument("--sites", type=names, default=list(SITES), help="parted by semicolons")
    parser.add_argument("--scheduler", choices=("slurm", "process"), default="slurm")
    parser.add_argument("--repeats", type=int, default=0, help="of each row")
    parser.add_argument("--publish", action="store_true", help="write docs/performance.*")
    parser.add_argument("--json", type=Path, default=ROOT / "build" / "bench.json")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
