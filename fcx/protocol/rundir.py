"""The run directory's protocol, seen from the caller: names, bundles, records. Does no I/O.

::

    <working_dir>/.fcx-<user>/programs-<digest>/ the programs of fcx.remote, for all runs
    <working_dir>/.fcx-<user>/<run id>/          mode 0700
        pilots/       <pilot>.json, what a pilot's agents are told
        seats/        <pilot> -> job id: only the job that holds the seat serves
        key           hex; outcomes are authenticated with it (an agent writes it, from a bundle)
        initializer   pickled (fn, args), where there is one
        modules/      <digest>/ (or .zip): the user's own modules
        edf/          EDFs, named by their content
        inbox/        b<n>[.<chunk>] bundles, o<n> orders, closed            caller -> agents
        claims/       <bundle>.<portion> -> <job>.<restart>.<node>
        logs/         <job>.<restart>.<node>.<segment>, .beat, .exit         agents -> caller
        parts/        <task>.<attempt>.<n>: data too large for a record, in base64
        output/       what running calls have written so far

The other side of each format is in ``fcx/remote/inbox.py`` and ``fcx/remote/log.py``.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

PROTOCOL = 1
FOLDERS = (
    "pilots",
    "seats",
    "modules",
    "edf",
    "inbox",
    "claims",
    "logs",
    "parts",
    "output",
)
CHUNK = 3_500_000  # bytes of one file: what is larger than 3.9 MB could not be read back whole
LARGEST_PORTION = 64  # tasks
COMPRESS_BELOW = 1 << 20  # bytes of a portion; larger ones are mostly numbers that do not shrink

_FRAME = struct.Struct(">IQ")


def digest(data: bytes) -> str:
    """The first 16 hex digits of SHA-256."""
    return hashlib.sha256(data).hexdigest()[:16]


@dataclass(frozen=True)
class Item:
    """One task as it travels: what the agent must know of it, and its payload."""

    task: str
    attempt: int
    function: str
    payload: bytes
    walltime: float | None = None
    modules: tuple[str, ...] = ()

    def frame(self) -> bytes:
        """Length of meta, length of payload, meta, payload."""
        meta: dict[str, Any] = {"t": self.task, "a": self.attempt, "f": self.function}
        if self.walltime is not None:
            meta["w"] = self.walltime
        if self.modules:
            meta["m"] = list(self.modules)
        text = json.dumps(meta, separators=(",", ":")).encode("ascii")
        return _FRAME.pack(len(text), len(self.payload)) + text + self.payload


@dataclass(frozen=True)
class Bundle:
    """Tasks that travel together. ``files`` are (name, bytes), the head last: it makes it count."""

    name: str
    portions: tuple[tuple[Item, ...], ...]
    files: tuple[tuple[str, bytes], ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(len(data) for _, data in self.files)


def portion_sizes(count: int, slots: int) -> list[int]:
    """How many tasks each portion holds: large ones first, single ones at the end.

    Guided self-scheduling (Polychronopoulos and Kuck 1987): each is an eighth of a fair share of
    what remains, so that the last ones even out whatever the first ones took.
    """
    sizes = []
    while count:
        size = max(1, min(LARGEST_PORTION, count // (8 * max(1, slots))))
        sizes.append(size)
        count -= size
    return sizes


def make_bundle(
    name: str,
    items: Sequence[Item],
    guard: Mapping[str, Any],
    *,
    slots: int = 1,
    pilot: str | None = None,
    seen: Mapping[str, float] | None = None,
    key: bytes = b"",
) -> Bundle:
    """Encode tasks as a bundle.

    ``slots`` is how many workers may share it. A bundle with ``pilot`` is for that pilot only, in
    portions of one, which its workers run first. ``seen``: longest runs in seconds by function.
    ``key``: the run's, which the far side gets with the first payload and not before.
    """
    portions, at = [], 0
    for size in [1] * len(items) if pilot else portion_sizes(len(items), slots):
        portions.append(tuple(items[at : at + size]))
        at += size
    bodies = [_portion(portion) for portion in portions]
    table, offset = [], 0
    for portion, body in zip(portions, bodies, strict=True):
        functions = sorted({item.function for item in portion})
        walltime = max((item.walltime or 0.0 for item in portion), default=0.0)
        table.append([offset, len(body), len(portion), functions, walltime])
        offset += len(body)
    body = b"".join(bodies)
    chunks = [body[i : i + CHUNK] for i in range(0, len(body), CHUNK)] or [b""]
    head = {
        "v": PROTOCOL,
        "chunks": [[len(chunk), hashlib.sha256(chunk).hexdigest()] for chunk in chunks],
        "portions": table,
        "guard": dict(guard),
        "seen": dict(seen or {}),
        "pilot": pilot,
        "key": key.hex(),
    }
    text = json.dumps(head, separators=(",", ":")).encode("ascii")
    first = b"fcx1 " + digest(text).encode() + b" " + text + b"\n"
    rest = [(f"{name}.{index}", chunk) for index, chunk in enumerate(chunks) if index]
    return Bundle(name, tuple(portions), (*rest, (name, first + chunks[0])))


def _portion(items: Iterable[Item]) -> bytes:
    raw = b"".join(item.frame() for item in items)
    return b"z" + zlib.compress(raw, 1) if len(raw) < COMPRESS_BELOW else b"s" + raw


def bundle_chunks(head_file: bytes) -> int:
    """How many files a bundle has. Raises ValueError for a head that is not whole."""
    return len(_head(head_file)[0]["chunks"])


def read_bundle(name: str, files: Sequence[bytes]) -> Bundle:
    """Decode a bundle from its files, the head first. Raises ValueError for one that is damaged."""
    head, start = _head(files[0])
    chunks = [files[0][start:], *files[1:]]
    for chunk, (_, wanted) in zip(chunks, head["chunks"], strict=True):
        if hashlib.sha256(chunk).hexdigest() != wanted:
            raise ValueError(f"bundle {name} is damaged")
    body = b"".join(chunks)
    portions = tuple(
        tuple(_items(body[offset : offset + length])) for offset, length, *_ in head["portions"]
    )
    return Bundle(name, portions, ())


def _head(data: bytes) -> tuple[dict[str, Any], int]:
    end = data.find(b"\n")
    parts = data[: max(end, 0)].split(b" ", 2)
    if len(parts) != 3 or parts[0] != b"fcx1" or digest(parts[2]).encode() != parts[1]:
        raise ValueError("not the head of a bundle")
    return json.loads(parts[2]), end + 1


def _items(portion: bytes) -> Iterable[Item]:
    raw = zlib.decompress(portion[1:]) if portion[:1] == b"z" else portion[1:]
    at = 0
    while at < len(raw):
        meta, payload = _FRAME.unpack_from(raw, at)
        at += _FRAME.size
        known = json.loads(raw[at : at + meta])
        data = raw[at + meta : at + meta + payload]
        yield Item(
            known["t"], known["a"], known["f"], data, known.get("w"), tuple(known.get("m", ()))
        )
        at += meta + payload


def order(content: Mapping[str, Any]) -> bytes:
    """An order for the agents: its digest, then JSON."""
    body = json.dumps(content, separators=(",", ":")).encode("ascii")
    return digest(body).encode() + b" " + body


def read_records(data: bytes) -> tuple[list[dict[str, Any]], int]:
    """The whole records at the start of ``data``, and how many bytes they take.

    What follows the first line that does not agree with its length and digest is left for the
    next look: shared file systems show sizes early and unwritten regions as NULs.
    """
    records: list[dict[str, Any]] = []
    at = 0
    while (end := data.find(b"\n", at)) >= 0:
        parts = data[at:end].split(b" ", 2)
        if len(parts) != 3 or not parts[0].isdigit() or int(parts[0]) != len(parts[2]):
            break
        if digest(parts[2]).encode() != parts[1]:
            break
        records.append(json.loads(parts[2]))
        at = end + 1
    return records, at


def authentic(key: bytes, record: Mapping[str, Any], data: bytes) -> bool:
    """Whether a ``done`` record and its data were made with the key of this run."""
    head = f"fcx1\0{record['t']}\0{record['a']}\0{record['o']}\0".encode()
    wanted = hmac.new(key, head + data, hashlib.sha256).hexdigest()
    return hmac.compare_digest(wanted, str(record.get("mac", "")))


@dataclass(frozen=True)
class Incarnation:
    """One life of one agent: a job that is requeued has another, under the same job id."""

    job: str
    restart: int
    node: int

    @classmethod
    def parse(cls, name: str) -> Incarnation | None:
        """From ``<job>.<restart>.<node>``; None for any other name."""
        parts = name.split(".")
        if len(parts) != 3 or not (parts[1].isdigit() and parts[2].isdigit()):
            return None
        return cls(parts[0], int(parts[1]), int(parts[2]))

    def __str__(self) -> str:
        return f"{self.job}.{self.restart}.{self.node}"


@dataclass
class LogCursor:
    """How far one agent's log has been read."""

    incarnation: Incarnation
    segment: int = 0
    offset: int = 0
    beat: int = 0
    ended: str = ""  # why the agent ended, once it said so
    up: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """File name of the segment that is read next."""
        return f"{self.incarnation}.{self.segment}"

    def take(self, data: bytes) -> list[dict[str, Any]]:
        """Records in what was read from ``offset`` on; moves the cursor."""
        records, used = read_records(data)
        self.offset += used
        for record in records:
            if record["k"] == "next":
                self.segment, self.offset = record["segment"], 0
            elif record["k"] == "up":
                self.up = record
            elif record["k"] in {"end", "refused", "failed"}:
                self.ended = record.get("why", record["k"])
        return records
