"""The recorded transcripts: what was called, and what the real server answered.

A transcript holds calls of the forms

    >>> label                          the call
        ok 14ms VALUE                  its answer: JSON, or the repr of a text
        EXC TypeName HTTP 404 9ms BODY    or its error
    label -> 413 117 BODY              raw requests: status, length of the body, the body

and, for jobs that were watched, lines of snapshots `(seconds, [records])`.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[4] / "shared" / "data" / "firecrest"
"""Where the records lie: beside the repository, not in it."""

CALL = re.compile(r"^>>> +(?P<label>.*?)\s*$")
OK = re.compile(r"^ +ok \d+ms ?(?P<value>.*)$")
FAILED = re.compile(r"^ +(?:EXC (?P<kind>\w+) ?)?(?:HTTP (?P<status>\d+) )?\d+ms ?(?P<value>.*)$")
ARROW = re.compile(r"^(?!Could not)(?P<label>\w.*?)(?: ->|:) (?P<status>\d{3}) (?P<value>.*)$")
SNAPSHOT = re.compile(r"^ +(?P<tuple>\(\d+\.\d+, \[.*\]\))$")


@dataclass
class Recorded:
    """A recorded call: its label, how it ended (`ok`, `http` or an exception's name), the rest."""

    label: str
    kind: str
    status: int | None
    value: str


def read(name: str) -> list[Recorded]:
    """The calls of transcript-NAME.txt, in order."""
    calls: list[Recorded] = []
    label: str | None = None
    for line in (FOLDER / f"transcript-{name}.txt").read_text(encoding="utf-8").splitlines():
        if call := CALL.match(line):
            label = call["label"]
        elif label is not None and (ok := OK.match(line)):
            calls.append(Recorded(label, "ok", None, ok["value"]))
            label = None
        elif label is not None and (failed := FAILED.match(line)):
            status = int(failed["status"]) if failed["status"] else None
            calls.append(Recorded(label, failed["kind"] or "http", status, failed["value"]))
            label = None
        elif label is None and (arrow := ARROW.match(line)):
            calls.append(
                Recorded(arrow["label"], "http", int(arrow["status"]), arrow["value"].strip())
            )
    return calls


def last_snapshots(name: str) -> list[tuple[Any, ...]]:
    """The last record of each job that was watched.

    As (id, name, state, reason, exit code, signal, steps).
    """
    last: dict[str, tuple[Any, ...]] = {}
    for line in (FOLDER / f"transcript-{name}.txt").read_text(encoding="utf-8").splitlines():
        if found := SNAPSHOT.match(line):
            for record in ast.literal_eval(found["tuple"])[1]:
                last[record[0]] = record
    return list(last.values())
