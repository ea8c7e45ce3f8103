"""Prints what comes of the table of parity, as Markdown.

    make parity ARGS="--only dill"

For each pair of environments: what must come of it, what came of it and in which words, the fix of
a refusal, and the verdict after it. Ends with 1 if any of it is not as the table says.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .cases import Case, Row
from .environments import Stock
from .table import TABLE
from .trial import settled

COLUMNS = ("case", "about", "expected", "got", "message", "fix", "done", "second verdict", "task")


def main() -> int:
    """Try the cases, two at a time, and print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="cases with this in their name")
    only = parser.parse_args().only
    cases = [case for case in TABLE if only in case.name]
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fcx-parity-") as scratch:
        rows = tried(cases, Path(scratch))
    sys.stdout.write("\n".join([*table(rows), "", *summary(rows, time.monotonic() - began), ""]))
    return 0 if all(row.right for row in rows) else 1


def tried(cases: Sequence[Case], folder: Path) -> list[Row]:
    """What comes of each."""
    folder.chmod(0o755)
    stock = Stock(folder / "stock")

    def one(numbered: tuple[int, Case]) -> Row:
        own = folder / str(numbered[0])
        own.mkdir()
        return settled(numbered[1], own, stock)

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(one, enumerate(cases)))


def table(rows: Iterable[Row]) -> list[str]:
    """A line for each."""
    lines = [COLUMNS, ["---"] * len(COLUMNS)]
    for row in rows:
        case = row.case
        found = f"{row.got} ({case.noted})" if case.noted else row.got
        cells = [case.name, case.about, case.expected, found, row.message, row.fix, row.done]
        lines.append([*cells, row.second, row.ran])
    return ["| " + " | ".join(cell(text) for text in line) + " |" for line in lines]


def cell(text: str) -> str:
    """A text as a table shows it."""
    return " ".join(text.replace("|", "\\|").split())


def summary(rows: Sequence[Row], seconds: float) -> list[str]:
    """How many there are of each kind, and which are not as they must be."""
    real = [row for row in rows if not row.case.edited]
    must_pass = [row for row in real if not row.case.code]
    refused = [row for row in real if row.case.code]
    done = Counter(row.done for row in refused)
    fixes = ", ".join(f"{count} {how}" for how, count in sorted(done.items()))
    wrong = [row.case.name for row in rows if not row.right]
    return [
        f"Must pass: {len(must_pass)}, of which {right(must_pass)} do, and run.",
        f"Must be refused: {len(refused)}, of which {right(refused)} are, and pass after the fix.",
        f"Fixes: {fixes or 'none'}.",
        f"To be had only by editing what a side says of itself: {len(rows) - len(real)}.",
        f"Not as they must be: {', '.join(wrong) or 'none'}. Took {seconds:.0f} s.",
    ]


def right(rows: Iterable[Row]) -> int:
    """How many are as the table says."""
    return sum(row.right for row in rows)


if __name__ == "__main__":
    sys.exit(main())
