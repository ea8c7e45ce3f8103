"""The simulator beside the real machine, and what no machine of ours can hold.

    PYTHONPATH=tests:tests/support python -m simulation.times.run [build/bench.json] [--short]

Reads what fcx took in the bench, finds the constants by it, prints how far the simulator is from
each row that both ran, then the rows that only it can.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
from pathlib import Path
from typing import Any

import msgspec

from .cases import ALONE, Case
from .clockwork import simulated
from .constants import Constants
from .fit import FITTED, fitted, like_real, middle, real

LONG = 10_000  # tasks from which a case takes more than seconds to simulate


def figures(case: Case, constants: Constants) -> dict[str, Any]:
    """One case as it stands in the JSON."""
    found = simulated(case, constants)
    return {
        "case": case.name,
        "row": case.row,
        "site": case.site,
        "seconds": found.seconds,
        "first": found.first,
        "requests": found.requests,
        "refused": found.refused,
        "share": found.share,
        "idle": found.idle,
        "jobs": found.jobs,
    }


def all_of(document: dict[str, Any], *, short: bool = False) -> dict[str, Any]:
    """Constants and all cases, on all processors; those that both can run have what was real."""
    rows = document["rows"]
    constants, known = fitted(rows, document.get("requests", {})), real(rows)
    cases = like_real(known)
    cases += [case for case in ALONE if not short or case.count <= LONG]
    with multiprocessing.get_context("forkserver").Pool(os.cpu_count()) as pool:
        longest_first = sorted(cases, key=lambda case: -case.count)
        found = dict(zip(longest_first, pool.starmap(figures, _each(longest_first, constants), 1)))
    for case in cases:
        if (case.row, case.site) in known:
            seconds = middle(known[case.row, case.site])
            fit = case.site == "loopback" and case.row in FITTED.values()
            more = {"real": seconds, "off": found[case]["seconds"] / seconds - 1, "fitted": fit}
            found[case].update(more, real_requests=known[case.row, case.site]["requests"])
    return {
        "constants": msgspec.to_builtins(constants),
        "cases": [found[case] for case in cases],
    }


def _each(cases: list[Case], constants: Constants) -> list[tuple[Case, Constants]]:
    return [(case, constants) for case in cases]


def text(document: dict[str, Any]) -> str:
    """Constants; how far the simulator is from the machine; and what only it can run."""
    lines = [", ".join(f"{name} {value:.3g}" for name, value in document["constants"].items())]
    both = [found for found in document["cases"] if "real" in found]
    lines.append(f"{'':52}{'real':>10}{'simulated':>11}{'off':>7}{'requests: real':>16}{'sim.':>6}")
    for found in both:
        line = f"{found['case']:52}{found['real']:>10.3f}{found['seconds']:>11.3f}"
        line += f"{found['off']:>+7.0%}{found['real_requests']:>16}{found['requests']:>6}"
        lines.append(line + (" (fitted)" if found["fitted"] else ""))
    head = f"{'':52}{'seconds':>10}{'first':>8}{'requests':>9}{'refused':>8}{'ideal':>7}{'idle':>6}"
    lines += ["", head]
    for found in [found for found in document["cases"] if "real" not in found]:
        ideal, idle = (f"{v:.0%}" if v is not None else "" for v in (found["share"], found["idle"]))
        line = f"{found['case']:52}{found['seconds']:>10.3f}{found['first']:>8.2f}"
        lines.append(f"{line}{found['requests']:>9}{found['refused']:>8}{ideal:>7}{idle:>6}")
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bench", type=Path, nargs="?", default=Path("build/bench.json"))
    parser.add_argument("--short", action="store_true", help="without what takes minutes")
    given = parser.parse_args(arguments)
    document = json.loads(given.bench.read_text(encoding="utf-8"))
    print(text(all_of(document, short=given.short)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
