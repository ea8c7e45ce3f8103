"""Whatever the other side sends: coverage-guided fuzzing of all that is read from there, by hand.

    .venv/bin/python -m pip install atheris     # once, by hand: nothing of fcx needs it
    make fuzz ARGS="--minutes 60"               # or --only http.line, --only core

Each entry of ``tests/support/fuzzing`` is driven for an equal share of the time, in a process of
its own. Its seeds are misshapen as JSON or as bytes; an input that reaches new lines of fcx is kept
in ``build/fuzz/<entry>`` and misshapen further. Only the project's typed errors may come out, no
input may take more than 2 seconds of processor time, or 100 MB. What breaks that is printed with its traceback, and its
input kept in ``build/fuzz/findings``: `--replay FILE` reads it again. Ends with 1 if there is any.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import os
import random
import resource
import subprocess
import sys
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

FOLDER = ROOT / "build" / "fuzz"
SLOW = 2.0  # seconds of processor time for one input
LARGE = 100 << 10  # KiB of one input
SILENT = ("fcx", "fcx.silent", "asyncio")


class Watch:
    """Reads inputs of one entry, and notes what must not be."""

    def __init__(self, entry: Any, folder: Path) -> None:
        self.entry = entry
        self.folder = folder
        self.runs = self.taken = 0
        self.found: Counter[str] = Counter()
        self.slowest = 0.0
        self._said = 0.0

    def read(self, data: bytes) -> None:
        """One input."""
        began, memory = time.process_time(), _memory()
        try:
            self.taken += self.entry.try_out(data)
        except Exception as error:
            self.note(place_of(error), data, traceback.format_exc())
        seconds = time.process_time() - began
        self.runs += 1
        self.slowest = max(self.slowest, seconds)
        if seconds > SLOW and self.runs > 1:  # the first imports
            self.note("slow", data, f"{seconds:.1f} s")
        if _memory() - memory > LARGE and self.runs > 1:
            self.note("large", data, f"{(_memory() - memory) >> 10} MB")
        if time.monotonic() - self._said > 1:
            self.report()

    def note(self, what: str, data: bytes, told: str) -> None:
        """A finding; the first input of each is kept."""
        self.found[what] += 1
        if self.found[what] == 1:
            name = f"{self.entry.name}-{hashlib.sha256(what.encode()).hexdigest()[:8]}"
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_bytes(data)
            print(f"\n{self.entry.name}: {what}\n{told}\n  --replay {name}", flush=True)
            self.report()

    def report(self) -> None:
        """For the process that has started this one: libFuzzer leaves without a word."""
        self._said = time.monotonic()
        known = {"runs": self.runs, "taken": self.taken, "slowest": self.slowest}
        path = FOLDER / f"{self.entry.name}.json"
        path.write_text(json.dumps({**known, "found": self.found}), encoding="utf-8")


def _memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def place_of(error: BaseException) -> str:
    """Where an error comes from: the last line of fcx on its way."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "/fcx/" in frame.filename.replace(str(ROOT.parent), "")]
    last = (ours or frames)[-1]
    return f"{type(error).__name__} at {last.filename.rpartition('/fcx/')[2]}:{last.lineno}"


def drive(name: str, seconds: float) -> None:
    """Fuzz one entry; the process ends with it."""
    import atheris

    with atheris.instrument_imports(include=["fcx"]):
        from fuzzing.everything import ENTRIES
    for logger in SILENT:
        logging.getLogger(logger).setLevel(logging.CRITICAL + 1)
    entry = ENTRIES[name]
    corpus = FOLDER / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, text in enumerate(entry.texts):
        (corpus / f"seed-{number}").write_bytes(text)
    watch = Watch(entry, FOLDER / "findings")

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        rng = random.Random(seed)
        if rng.randrange(3) == 0:
            return atheris.Mutate(data, most)
        return entry.worse(data, rng)[:most]

    limits = [f"-max_total_time={seconds:.0f}", "-rss_limit_mb=1500", "-timeout=30"]
    quiet = ["-verbosity=0", "-max_len=60000", f"-artifact_prefix={FOLDER}/"]
    atheris.Setup(["fuzz", *limits, *quiet, str(corpus)], watch.read, custom_mutator=mutate)
    atheris.Fuzz()


def replay(path: Path) -> None:
    """Read a kept input again; its traceback comes through."""
    from fuzzing.everything import ENTRIES

    print(
        "taken" if ENTRIES[path.name.rpartition("-")[0]].try_out(path.read_bytes()) else "refused"
    )


def campaign(names: list[str], minutes: float) -> bool:
    """All entries, one after the other; whether nothing was found."""
    fine = True
    print(
        f"{'entry':<18}{'seconds':>8}{'inputs':>10}{'taken':>10}{'slowest':>9}  findings",
        flush=True,
    )
    for name in names:
        began, share = time.monotonic(), 60 * minutes / len(names)
        (FOLDER / f"{name}.json").unlink(missing_ok=True)
        command = [sys.executable, __file__, "--entry", name, "--seconds", str(share)]
        code = subprocess.run(command, check=False).returncode
        known = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
        found = known["found"] or ({} if code == 0 else {f"ended with {code}": 1})
        fine = fine and not found
        told = ", ".join(f"{what} ({count})" for what, count in found.items()) or "none"
        figures = f"{known['runs']:>10}{known['taken']:>10}{known['slowest']:>8.2f}s"
        print(f"{name:<18}{time.monotonic() - began:>8.0f}{figures}  {told}", flush=True)
    return fine


def main() -> None:
    """Choose, fuzz, judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60.0, help="of all entries together")
    parser.add_argument("--only", default="", help="what the names of entries begin with")
    parser.add_argument("--replay", help="a file of build/fuzz/findings")
    parser.add_argument("--entry", help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, default=0.0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    os.environ["FCX_STATE_DIR"] = str(FOLDER / "state")
    if options.replay:
        replay(FOLDER / "findings" / Path(options.replay).name)
    elif options.entry:
        drive(options.entry, options.seconds)
    else:
        from fuzzing.everything import ENTRIES

        names = [name for name in ENTRIES if name.startswith(options.only)]
        sys.exit(0 if campaign(names, options.minutes) else 1)


if __name__ == "__main__":
    main()
