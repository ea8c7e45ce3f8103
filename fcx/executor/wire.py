"""The agents' log as it is read: lines -> typed records, split into what decides and what is data.

The core gets the record; the bytes of an outcome stay here until somebody asks for them. Nothing
is parsed before its MAC is right, and nothing is used before its type is.
"""

from __future__ import annotations

import binascii
from typing import Annotated, Any, Protocol

import msgspec

from ..payload.received import Pickled, Received
from ..protocol import parts as pieces
from ..protocol import record as lines
from ..protocol.bundle import LONGEST
from .core.events import (
    AnyRecord,
    Continued,
    Died,
    Drifted,
    Finished,
    HandedBack,
    InitializerDied,
    Left,
    Refused,
    Running,
    Told,
    Trouble,
    Up,
)

Lengths = tuple[
    Annotated[int, msgspec.Meta(ge=0)],
    Annotated[int, msgspec.Meta(ge=0)],
    Annotated[int, msgspec.Meta(ge=0)],
]
Count = Annotated[int, msgspec.Meta(ge=0, le=1 << 31)]
Time = Annotated[float, msgspec.Meta(ge=0, le=1e11)]  # by a node's clock; 0: not told


class Outcome(msgspec.Struct, gc=False):
    """The bytes of what became of a task: its result, then what it wrote to stdout and stderr."""

    kind: str  # value | raise | alien | unpicklable; died
    lengths: Lengths
    sha: str
    size: int
    data: bytes | Received | None  # None: it lies in parts
    coming: Received | None = None  # of these some have come

    def split(self) -> tuple[bytes | Pickled, bytes, bytes]:
        """Result, stdout, stderr; a large value can be loaded once."""
        data, (first, second, _) = self.data or b"", self.lengths
        if isinstance(data, Received):
            value = self.kind == "value"
            result = Pickled(data, first) if value else data.copy(0, first)
            return result, data.copy(first, first + second), data.copy(first + second, len(data))
        return data[:first], data[first : first + second], data[first + second :]


class Understood(msgspec.Struct, gc=False):
    """A record for the core, and the bytes that stay with the driver."""

    record: AnyRecord
    outcome: Outcome | None = None


class Keeper(Protocol):
    """Keeps what the core only names."""

    def probe(self, found: dict[str, Any], edf: str | None) -> int:
        """A number for what an agent found."""

    def drift(self, found: dict[str, str | None]) -> int:
        """A number for the versions that an agent has found."""

    def refusal(self, findings: list[tuple[str, Any, Any]]) -> Trouble:
        """The trouble that a guard's findings mean."""


class Line(msgspec.Struct, frozen=True, tag_field="k", gc=False):
    """What a record of the log may hold; its names are the protocol's (protocol/record.py)."""

    def understood(self, keeper: Keeper) -> Understood:
        """The record, split."""
        raise NotImplementedError


class UpLine(Line, frozen=True, tag="up"):
    """An agent has begun."""

    node: str
    pilot: str
    edf: str | None = None
    probe: dict[str, Any] | None = None
    at: Time = 0.0
    cpus: Count = 0
    workers: Count = 0

    def understood(self, keeper: Keeper) -> Understood:
        """With a number for what it found."""
        number = keeper.probe(self.probe, self.edf) if self.probe else 0
        return Understood(Up(self.node, self.pilot, number))


class RunLine(Line, frozen=True, tag="run"):
    """A task runs."""

    t: str
    a: Count
    slot: Count
    first: bool
    at: Time = 0.0

    def understood(self, keeper: Keeper) -> Understood:
        """As it is."""
        return Understood(Running(self.t, self.a, self.slot, self.first))


class DataLine(Line, frozen=True):
    """A record with data: in itself, or in parts."""

    t: str
    a: Count
    n: Lengths
    sha: str = ""
    d: str | None = None
    parts: Annotated[int, msgspec.Meta(ge=0, le=pieces.MOST)] = 0
    size: int = 0
    b: Time = 0.0
    w: Annotated[int, msgspec.Meta(ge=-1, le=1 << 31)] = -1  # -1: not told

    def outcome(self, kind: str) -> tuple[Outcome, bool]:
        """The data, and whether it is what the record says (as far as that is known yet)."""
        if self.parts:
            whole = sum(self.n) == self.size and self.parts == pieces.count(self.size)
            return Outcome(kind, self.n, self.sha, self.size, None), whole
        try:
            data = binascii.a2b_base64(self.d or "")
        except ValueError:
            data = b""
        return Outcome(kind, self.n, self.sha, len(data), data), sum(self.n) == len(data)


class DoneLine(DataLine, frozen=True, tag="done", kw_only=True):
    """A task has an outcome."""

    o: str
    s: Annotated[float, msgspec.Meta(ge=0, le=LONGEST)]

    def understood(self, keeper: Keeper) -> Understood:
        """With its bytes beside it."""
        outcome, whole = self.outcome(self.o)
        return Understood(
            Finished(self.t, self.a, self.s, self.parts, whole, self.o == "value"), outcome
        )


class How(msgspec.Struct, frozen=True):
    """How a worker ended."""

    text: str
    signal: int
    oom: bool
    outside: bool
    late: bool = False


class DiedLine(DataLine, frozen=True, tag="died", kw_only=True):
    """A worker ended before its task."""

    first: bool
    left: float | None
    how: How
    at: Time = 0.0

    def understood(self, keeper: Keeper) -> Understood:
        """With what it had written beside it."""
        outcome, _ = self.outcome("died")
        how = (self.how.text, self.how.signal, self.how.oom, self.how.outside)
        record = Died(self.t, self.a, self.first, self.left, *how, self.parts, self.how.late)
        return Understood(record, outcome)


class BackLine(Line, frozen=True, tag="back"):
    """Tasks go back."""

    t: tuple[tuple[str, Count], ...]

    def understood(self, keeper: Keeper) -> Understood:
        """As it is."""
        return Understood(HandedBack(self.t))


class DriftLine(Line, frozen=True, tag="drift"):
    """Tasks go back that would not find what they rely on."""

    t: tuple[tuple[str, Count], ...]
    found: dict[str, str | None]

    def understood(self, keeper: Keeper) -> Understood:
        """With a number for what was found."""
        return Understood(Drifted(self.t, keeper.drift(self.found)))


class RefusedLine(Line, frozen=True, tag="refused"):
    """The guard said no."""

    findings: list[tuple[str, Any, Any]]

    def understood(self, keeper: Keeper) -> Understood:
        """As the trouble that it means."""
        return Understood(Refused(keeper.refusal(self.findings)))


class FailedLine(Line, frozen=True, tag="failed"):
    """Workers cannot serve."""

    error: str

    def understood(self, keeper: Keeper) -> Understood:
        """As it is."""
        return Understood(InitializerDied(self.error))


class NextLine(Line, frozen=True, tag="next"):
    """The log goes on."""

    segment: Count

    def understood(self, keeper: Keeper) -> Understood:
        """As it is."""
        return Understood(Continued(self.segment))


class ToldLine(Line, frozen=True, tag="told"):
    """The agent was told to end."""

    def understood(self, keeper: Keeper) -> Understood:
        """As it is."""
        return Understood(Told())


class EndLine(Line, frozen=True, tag="end"):
    """The agent has left."""

    why: str
    at: Time = 0.0

    def understood(self, keeper: Keeper) -> Understood:
        """As it is."""
        return Understood(Left(self.why))


AnyLine = (
    UpLine
    | RunLine
    | DoneLine
    | DiedLine
    | BackLine
    | DriftLine
    | RefusedLine
    | FailedLine
    | NextLine
    | ToldLine
    | EndLine
)
_decoder = msgspec.json.Decoder(AnyLine)


class Stretch(msgspec.Struct):
    """What was read of a log."""

    records: list[Line]
    used: int
    spoilt: bool
    strange: int = 0  # authentic records that this fcx does not understand


def read(data: bytes, key: bytes, *, skip: bool = False) -> Stretch:
    """The whole, authentic records at the start of ``data``.

    ``skip``: a damaged line there is left out, with those that follow up to an authentic one.
    """
    stretch = _read(data, key)
    if not skip or stretch.used or not stretch.spoilt:
        return stretch
    left_out = at = data.find(b"\n") + 1
    if not left_out:
        return stretch
    rest = _read(data[at:], key)
    while rest.spoilt and not rest.used and (at := data.find(b"\n", at) + 1):
        rest = _read(data[at:], key)
    if not rest.used:
        at, rest = left_out, _read(data[left_out:], key)
    rest.used += at
    return rest


def _read(data: bytes, key: bytes) -> Stretch:
    found = lines.read(data, key)
    records: list[Line] = []
    strange = 0
    for body in found.bodies:
        try:
            records.append(_decoder.decode(body))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            strange += 1
    return Stretch(records, found.used, found.spoilt, strange)
