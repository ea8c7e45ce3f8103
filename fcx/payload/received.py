"""A large outcome in memory: written as its parts come, and given back as it is loaded.

It has pages of its own. What the unpickler has read of them goes back to the system at once, and
large buffers are read straight to where the value has them: so it takes about its own size of
memory once, and not once more as bytes.
"""

from __future__ import annotations

import hashlib
import io
import mmap
from collections.abc import Callable, Iterable

from ..errors import FcxError, ResultError

STEP = 4 << 20  # bytes that are read at once, at most, and that are given back at once
AHEAD = 1 << 20  # bytes that are read ahead, for what is small


class Received:
    """The bytes of one outcome. Raises ResultError where there is no memory for them."""

    def __init__(self, size: int, part: int) -> None:
        self.again: Callable[[], Received] | None = None  # fetches it once more
        self._part = part
        self._odd = False  # a part has another size than it should have
        self._given_back = 0
        try:
            self._pages = _pages(size)
        except (MemoryError, OSError, OverflowError, ValueError) as error:
            raise ResultError(
                f"There is no memory for a result of {size:,} bytes: {error}."
            ) from None
        self.missing = list(range(0, size, part))[::-1]  # where parts begin that have not come

    def __len__(self) -> int:
        return len(self._pages)

    def size_at(self, at: int) -> int:
        """Of the part that begins there."""
        return min(self._part, len(self) - at)

    def put(self, at: int, data: bytes) -> None:
        """What has come of the part that begins there."""
        size = self.size_at(at)
        self._odd = self._odd or len(data) != size
        self._pages[at : at + min(size, len(data))] = data[:size]

    def write(self, at: int, data: memoryview) -> None:
        """What has come of some part, in a stretch of any length."""
        if at + len(data) > len(self):
            raise ValueError("there is more than what was written")
        self._pages[at : at + len(data)] = data

    def came(self, parts: Iterable[int]) -> None:
        """These parts are there, whole: what they begin with."""
        there = set(parts)
        self.missing = [at for at in self.missing if at not in there]

    def is_what(self, sha: str) -> bool:
        """Whether it is whole, and has this digest."""
        return not self._odd and hashlib.sha256(self._pages).hexdigest() == sha

    def copy(self, begin: int, end: int) -> bytes:
        """Some of it."""
        return self._pages[begin:end]

    def read(self, at: int, into: memoryview) -> None:
        """Copy what begins there, and give back what comes before its end."""
        end = at + len(into)
        with memoryview(self._pages) as view:
            into[:] = view[at:end]
        more = (end - self._given_back) // STEP * STEP
        if more and hasattr(mmap, "MADV_DONTNEED"):
            self._pages.madvise(mmap.MADV_DONTNEED, self._given_back, more)
            self._given_back += more

    def whole(self, end: int) -> bytes | None:
        """All of it up to there; fetched once more, where some was given back. None: it cannot."""
        if not self._given_back:
            return self.copy(0, end)
        try:
            return self.again().copy(0, end) if self.again else None
        except FcxError:
            return None


def _pages(size: int) -> mmap.mmap:
    """Of this process alone: those that it shares with its children cannot be given back."""
    if not hasattr(mmap, "MAP_PRIVATE"):
        return mmap.mmap(-1, size)
    return mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)


class Pickled(io.RawIOBase):
    """The pickle at the beginning of an outcome, which can be read once."""

    def __init__(self, received: Received, size: int) -> None:
        super().__init__()
        self._received, self._size = received, size
        self._at = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # whatever can be written to
        """The next bytes."""
        with memoryview(buffer) as view:
            count = min(len(view), self._size - self._at, STEP)
            self._received.read(self._at, view[:count])
        self._at += count
        return count

    def buffered(self) -> io.BufferedReader:
        """As the unpickler wants it."""
        return io.BufferedReader(self, AHEAD)

    def whole(self) -> bytes | None:
        """All of it, also what was read; None where that cannot be had once more."""
        return self._received.whole(self._size)
