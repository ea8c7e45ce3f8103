"""How much of what a task has written is kept, and how it is told that there was more."""

from __future__ import annotations

import re
from typing import NamedTuple

KEPT = 64 << 20  # bytes of each stream, of a task that ends by itself
KEPT_OF_KILLED = 1 << 20  # of one whose worker was killed
NOTE = re.compile(rb"\n\[fcx: (?:(\d+) more bytes were|what came after was) not kept\]\n")
CUT = b"\n[fcx: what came after was not kept]\n"


class Kept(NamedTuple):
    """A stream that has ended, without the note that there was more."""

    data: bytes
    missing: int | None = 0  # bytes of it that are not there; None: some, perhaps


def of_killed(data: bytes) -> bytes:
    """What a killed worker has left, with a note where it is as much as is kept."""
    return data + CUT if len(data) == KEPT_OF_KILLED else data


def kept(data: bytes) -> Kept:
    """What there is of it, and what is not."""
    for size in (KEPT, KEPT_OF_KILLED):
        note = NOTE.fullmatch(data, size)
        if note is not None:
            return Kept(data[:size], int(note[1]) if note[1] else None)
    return Kept(data)
