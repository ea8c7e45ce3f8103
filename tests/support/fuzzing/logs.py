"""What agents write: logs, the parts of outcomes, what tasks gave and printed."""

from __future__ import annotations

import hashlib
import json
import pickle
from typing import Any

from fcx.executor import wire
from fcx.executor.completion import Delivery, deliver
from fcx.executor.core.events import Trouble
from fcx.executor.future import FirecrestFuture
from fcx.parity.gate import guard_refusal
from fcx.payload.received import Received
from fcx.protocol import keys, layout, mac, names, parts, record
from fcx.protocol.parts import PART
from fuzzing.entry import Entry, lenient

KEY = keys.pilot_key(b"k" * 32, "fcx-001")
DATA = pickle.dumps(42)


def _with_data(data: bytes, **more: Any) -> dict[str, Any]:
    return {"t": "t0", "a": 0, "n": [len(data), 0, 0], **record.inline(data), **more}


RECORDS: tuple[dict[str, Any], ...] = (
    {"k": "up", "node": "n", "pilot": "fcx-001", "cpus": 2, "python": "3.11.7", "dill": "0.4.1"}
    | {"left": 3600.0, "edf": None, "probe": {"schema": 1, "python": {"version": "3.11"}}},
    {"k": "refused", "findings": [["python", "3.11.", "3.12.1"], ["dill", "0.4.1", None]]},
    {"k": "run", "t": "t0", "a": 0, "first": True, "slot": 0},
    {"k": "done", "o": "value", "s": 0.5, **_with_data(DATA)},
    {"k": "done", "o": "value", "s": 0.5, "t": "t1", "a": 1, "n": [7200000, 0, 0]}
    | {"parts": 2, "size": 7200000, "sha": "0" * 64},
    {"k": "died", "first": False, "left": 10.0, **_with_data(b"")}
    | {"how": {"text": "exited", "signal": 9, "code": 1, "oom": False, "outside": True}},
    {"k": "back", "t": [["t0", 0], ["t1", 1]]},
    {"k": "failed", "error": "Traceback"},
    {"k": "next", "segment": 1},
    {"k": "end", "why": "idle"},
)


class Keeper:
    """Keeps nothing, and says what findings mean as a run does."""

    def probe(self, found: dict[str, Any], edf: str | None) -> int:
        """A number."""
        return 1

    def refusal(self, findings: list[list[Any]]) -> Trouble:
        """In words."""
        return Trouble("ParityError", str(guard_refusal(findings)))


def signed(body: bytes) -> bytes:
    """A line whose body is of another's making, under the right key."""
    return b"%d %s %s\n" % (len(body), mac.sign(KEY, body).encode("ascii"), body)


def understand(data: bytes) -> None:
    """Lines of a log, and what they hold."""
    for line in wire.read(data, KEY).records:
        understood = line.understood(Keeper())
        if understood.outcome is not None and understood.outcome.data is not None:
            understood.outcome.split()


def read_signed(data: bytes) -> None:
    """One record by somebody who has the key."""
    understand(signed(data))


def read_parts(data: bytes) -> None:
    """An outcome from its parts: [size, digest, [text, ...]]."""
    known = lenient(data)
    if isinstance(known, list) and len(known) == 3 and isinstance(known[2], list):
        size, sha, texts = known
        texts = [text.encode("utf-8", "replace") for text in texts if isinstance(text, str)]
        if type(size) is int and isinstance(sha, str) and 0 < size <= PART * len(texts):
            found = Received(size, PART)
            for at, text in zip(range(0, size, PART), texts, strict=False):
                found.put(at, text)
            found.is_what(sha)


def read_index(data: bytes) -> None:
    """The index of a file in parts, and the file."""
    index = parts.Index.parse(data)
    list(parts.joined(index, [b"x"] * min(index.parts, 9)))


def read_names(data: bytes) -> None:
    """Names of files in the run directory."""
    name = data.decode("utf-8", "replace")
    for parse in (
        layout.LogFile.parse,
        names.Incarnation.parse,
        layout.parse_claim,
        names.is_bundle,
        names.is_order,
        names.number_of,
        names.epoch_of,
        layout.epoch_of_client,
    ):
        parse(name)


class Owner:
    """Of a future; asked for nothing."""

    def live_output(self, task: str, stream: int, start: int = 0) -> bytes:
        """Nothing."""
        return b""

    def cancel_task(self, task: str) -> None:
        """Not done."""


PICKLES = (
    DATA,
    DATA[:-1],
    b"",
    pickle.dumps((ValueError("x"), "Traceback")),
    pickle.dumps(("no exception", "Traceback")),
    pickle.dumps((ValueError("x"), 7)),
    pickle.dumps(ValueError("x")),
    pickle.dumps((1, 2, 3)),
)
"""To be loaded: what is misshapen itself might do anything at all, by what a pickle is."""

TRACE = 'Traceback (most recent call last):\n  File "x.py", line 3, in f\nValueError: x\n'


def read_outcome(data: bytes) -> None:
    """[kind, what is told, number of a pickle, output]: a future has it, or a typed error."""
    known = lenient(data)
    if not isinstance(known, list) or len(known) != 4 or type(known[2]) is not int:
        return
    kind, told, number, output = known
    result = json.dumps(told).encode()
    if kind in ("value", "raise"):
        lead = result + b"\n" if kind == "raise" else b""
        result = lead + PICKLES[number % len(PICKLES)]
    printed = str(output).encode("utf-8", "replace")
    lengths = (len(result), len(printed), 0)
    whole = wire.Outcome(str(kind), lengths, "", 0, result + printed)
    future: FirecrestFuture[Any] = FirecrestFuture("t0", Owner())
    future.set_running_or_notify_cancel()
    deliver(Delivery("t0", future, "7", whole))
    assert future.done()
    future.stdout()
    future.stderr()


_TEXT = "part"
ENTRIES = (
    Entry("log.bytes", understand, (b"".join(record.line(one, KEY) for one in RECORDS),)),
    Entry("log.record", read_signed, RECORDS),
    Entry(
        "log.parts",
        read_parts,
        ([4, hashlib.sha256(b"part").hexdigest(), [_TEXT]],),
    ),
    Entry(
        "log.index",
        read_index,
        ({"parts": 1, "sha256": hashlib.sha256(b"x").hexdigest()},),
        (ValueError,),
    ),
    Entry(
        "log.names",
        read_names,
        (b"7.0.0.0", b"7_3.0.1.beat", b"b000007.12", b"o000002", b"client-2", b"17"),
    ),
    Entry(
        "log.outcome",
        read_outcome,
        (
            ["value", None, 0, "printed"],
            ["raise", ["ValueError", "x", TRACE], 3, "printed"],
            ["raise", ["ValueError", "x", TRACE], 1, ""],
            ["alien", ["ValueError", "x", TRACE], 0, ""],
            ["unpicklable", ["generator", "cannot"], 0, ""],
        ),
    ),
)
