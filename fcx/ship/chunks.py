"""Which bytes of an image earlier ones have: all are cut where their content says so.

What is inserted shifts all that follows, so a cut stands behind a certain pair of bytes, wherever
it comes: after a change images are soon cut alike again. Digests of the chunks tell which they
share; they need not be more than quick, for the job compares the SHA-256 of the whole in the end.
"""

from __future__ import annotations

import mmap
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LEAST = 2048  # bytes of a chunk
FINE = re.compile(rb"\x5a[\x80-\x83]")  # one place in 16,000
COARSE = re.compile(rb"\x5a\x80[\x00-\x1f]", re.DOTALL)  # one in half a million: a subset of these
LARGE = 2 << 30  # bytes of an image that is cut coarsely, or the list of its chunks were too long
MOST_TEXT = 3_900_000  # bytes of that list, which is fetched in one go
WORTH = 0.8  # of the size: where more than that were sent all the same, all is sent

_LINE = re.compile(r"([0-9a-f]{16}) ([0-9]{1,15})")


@dataclass(frozen=True)
class Chunk:
    """Some bytes of an image."""

    digest: str
    length: int


@dataclass(frozen=True)
class Range:
    """Bytes of the new image: of an old one's file from ``offset`` on; "": they must be sent."""

    file: str
    offset: int
    length: int


def chunks_of(path: Path) -> list[Chunk]:
    """The chunks of a file, which is not empty."""
    with (
        path.open("rb") as stream,
        mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data,
        memoryview(data) as view,
    ):
        return [_chunk(view[start:end]) for start, end in _cuts(data)]


def _cuts(data: mmap.mmap) -> Iterator[tuple[int, int]]:
    mark = FINE if len(data) < LARGE else COARSE
    start = 0
    while found := mark.search(data, start + LEAST):
        yield start, found.end()
        start = found.end()
    if start < len(data):
        yield start, len(data)


def _chunk(view: memoryview) -> Chunk:
    with view:
        return Chunk(f"{zlib.crc32(view):08x}{zlib.adler32(view):08x}", len(view))


def to_text(chunks: Sequence[Chunk]) -> str:
    """The list as it lies beside an image."""
    return "".join(f"{chunk.digest} {chunk.length}\n" for chunk in chunks)


def from_text(text: bytes, size: int) -> list[Chunk]:
    """Read one; empty where it is not that of an image of this size."""
    lines = text.decode("ascii", "replace").splitlines()
    found = [match for line in lines if (match := _LINE.fullmatch(line))]
    chunks = [Chunk(match[1], int(match[2])) for match in found]
    return chunks if sum(chunk.length for chunk in chunks) == size else []


def ranges(new: Sequence[Chunk], old: Mapping[str, Sequence[Chunk]]) -> tuple[Range, ...]:
    """What the new image consists of, besides bytes of old ones; none if it is not worth it.

    What several files of ``old`` have is taken from the first.
    """
    places: dict[Chunk, tuple[str, int]] = {}
    for file, chunks in old.items():
        at = 0
        for chunk in chunks:
            places.setdefault(chunk, (file, at))
            at += chunk.length
    made: list[Range] = []
    start = 0
    for chunk in new:
        one = Range(*places.get(chunk, ("", start)), chunk.length)
        last = made[-1] if made else None
        if last and last.file == one.file and last.offset + last.length == one.offset:
            made[-1] = Range(last.file, last.offset, last.length + one.length)
        else:
            made.append(one)
        start += chunk.length
    return tuple(made) if sent(made) <= WORTH * start else ()


def sent(made: Sequence[Range]) -> int:
    """Bytes that no earlier image has."""
    return sum(one.length for one in made if not one.file)
