"""What an image is sent as: pieces that fit into a request; which of them are missing."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import UsageError
from ..firecrest.files import Entry
from ..parity.manifest import Sqsh
from .chunks import Range, sent

BODY = 5_242_880  # bytes that one upload may have, with what stands around the file
PIECE = BODY - 4096  # bytes of the file in it

_UPLOADED = re.compile(r"(\d+)\.[0-9a-f]+")


@dataclass(frozen=True)
class Piece:
    """Some of the bytes that are sent: so many, from ``start`` on."""

    number: int
    start: int
    length: int

    @property
    def name(self) -> str:
        """What its uploads' names begin with."""
        return f"{self.number:05d}"

    def line(self) -> str:
        """As ``join.sh`` reads it."""
        return f"{self.name} {self.length}"


@dataclass(frozen=True)
class Plan:
    """A file as it is sent; ``sha256`` as it is said to be, which the job at the end finds out.

    ``ranges``: what it consists of, where an earlier image has some of it; else all of it is sent.
    """

    source: Path
    size: int
    sha256: str
    pieces: tuple[Piece, ...]
    ranges: tuple[Range, ...] = ()

    @classmethod
    def of(cls, packed: Sqsh, largest: int, ranges: tuple[Range, ...] = ()) -> Plan:
        """In pieces of at most that size."""
        source = Path(packed.path)
        size = source.stat().st_size
        length = sent(ranges) if ranges else size
        starts = range(0, length, largest)
        cut = (Piece(i, at, min(largest, length - at)) for i, at in enumerate(starts))
        return cls(source, size, packed.sha256, tuple(cut), ranges)

    @property
    def digest(self) -> str:
        """Of what is sent and what becomes of it: pieces of another plan are of no use."""
        if not self.ranges:
            return self.sha256
        return hashlib.sha256(f"{self.sha256}\n{self.recipe()}".encode()).hexdigest()

    @property
    def to_send(self) -> int:
        """Bytes."""
        return total(self.pieces)

    def missing(self, entries: Mapping[str, Entry]) -> list[Piece]:
        """The pieces of which a listing of the folder shows no upload of the whole length."""
        there = {(number, entries[file].size) for file, number in _uploads(entries)}
        return [piece for piece in self.pieces if (piece.number, piece.length) not in there]

    def lines(self) -> str:
        """All pieces in their order, as ``join.sh`` reads them."""
        return "".join(f"{piece.line()}\n" for piece in self.pieces)

    def recipe(self) -> str:
        """The ranges, as ``join.sh`` reads them: what was sent is the file `.`."""
        at, lines = 0, []
        for one in self.ranges:
            lines.append(f"{one.file or '.'} {one.length} {one.offset if one.file else at}\n")
            at += 0 if one.file else one.length
        return "".join(lines)

    def holds(self) -> bool:
        """Whether the file has the digest that it is said to have: reads all of it."""
        whole = hashlib.sha256()
        with self.source.open("rb") as stream:
            for data in iter(lambda: stream.read(1 << 20), b""):
                whole.update(data)
        return whole.hexdigest() == self.sha256

    def spoiled(self, sums: str) -> list[str]:
        """The uploads that are not the bytes of their piece, by what sha256sum says of all."""
        found = dict(line.split()[::-1] for line in sums.splitlines() if len(line.split()) == 2)
        pieces = {piece.number: piece for piece in self.pieces}
        told = [(file, pieces[number]) for file, number in _uploads(found) if number in pieces]
        return [file for file, piece in told if found[file] != self._digest(piece)]

    def _digest(self, piece: Piece) -> str:
        return hashlib.sha256(self.read(piece)).hexdigest()

    def read(self, piece: Piece) -> bytes:
        """The bytes of a piece. Raises UsageError where the file has become shorter."""
        skip, data = piece.start, bytearray()
        parts = self.ranges or (Range("", 0, self.size),)
        with self.source.open("rb") as stream:
            for one in parts:
                if one.file or skip >= one.length:
                    skip -= 0 if one.file else one.length
                    continue
                stream.seek(one.offset + skip)
                data += stream.read(min(one.length - skip, piece.length - len(data)))
                skip = 0
                if len(data) == piece.length:
                    return bytes(data)
        raise UsageError(
            f"{self.source} became shorter while it was sent. Pack it anew: `fcx image pack`."
        )


def _uploads(entries: Iterable[str]) -> Iterator[tuple[str, int]]:
    for file in entries:
        if match := _UPLOADED.fullmatch(file):
            yield file, int(match[1])


def total(pieces: Sequence[Piece]) -> int:
    """Bytes of some pieces together."""
    return sum(piece.length for piece in pieces)
