"""The bytes that tasks of one run share, each content once: kept in a file, not in memory.

A content is known by its digest. Whether something is a content that there is already is told by
comparing it with what is kept, byte for byte, so that a thousand tasks with one array cost neither
a thousand digests nor a thousand copies, and what was changed in place is seen.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
import weakref
from collections import OrderedDict, deque
from collections.abc import Iterator
from pathlib import Path

from ..errors import PayloadError

STEP = 256 << 10  # bytes that are compared or copied at once: they stay in the processor's cache
LOOK = 64  # bytes at the start, in the middle and at the end, by which candidates are found
ALIKE = 4  # contents that look alike and are compared with, the latest ones
RECENT = 1 << 30  # bytes that are kept though no task needs them: the next one may
FULL = (
    "There is no room in {folder} for {size} MB that tasks of this run share ({why}). Make room, "
    "or set TMPDIR to a folder that has it"
)


class Content:
    """Some bytes of the run, by their digest; they are let go of with this object."""

    def __init__(self, spool: Spool, at: int, size: int, sha: str) -> None:
        self.size = size
        self.sha = sha
        self._spool = spool
        self._at = at
        weakref.finalize(self, spool.let_go, at, size).atexit = False

    @property
    def name(self) -> str:
        """Below the run directory."""
        return f"objects/{self.sha}"

    def holds(self, data: memoryview) -> bool:
        """Whether these are the same bytes."""
        own = bytearray(STEP)
        for at in range(0, self.size, STEP):
            piece = data[at : at + STEP]
            if self._spool.read(self._at + at, own) < len(piece):
                return False
            if own != piece and own[: len(piece)] != piece:
                return False
        return True

    def piece(self, at: int, size: int) -> bytes:
        """So many of them from there on, or as many as there are."""
        own = bytearray(max(0, min(size, self.size - at)))
        self._spool.read(self._at + at, own)
        return bytes(own)


class Spool:
    """A file without a name; what is let go of leaves room for what comes."""

    def __init__(self) -> None:
        self._file = -1
        self._end = 0
        self._free: list[tuple[int, int]] = []  # (offset, length)
        self._let_go: deque[tuple[int, int]] = deque()  # put in by any thread, at any moment

    def let_go(self, at: int, size: int) -> None:
        """Nobody needs that stretch any more."""
        self._let_go.append((at, size))

    def write(self, data: memoryview) -> Content:
        """Keep a copy. Raises PayloadError where there is no room for it."""
        at, digest = self._room(len(data)), hashlib.sha256()
        try:
            for start in range(0, len(data), STEP):
                piece = bytes(data[start : start + STEP])  # another thread may be changing it
                digest.update(piece)
                os.pwrite(self._fd(), piece, at + start)
        except OSError as error:
            self.let_go(at, len(data))
            told = {"folder": tempfile.gettempdir(), "size": len(data) >> 20, "why": error.strerror}
            raise PayloadError(FULL.format(**told)) from error
        return Content(self, at, len(data), digest.hexdigest())

    def read(self, at: int, own: bytearray) -> int:
        """Fill it with what is kept there; how much that was."""
        return os.preadv(self._fd(), [own], at)

    def _fd(self) -> int:
        if self._file < 0:
            self._file, name = tempfile.mkstemp(prefix="fcx-")
            Path(name).unlink()
            weakref.finalize(self, os.close, self._file)
        return self._file

    def _room(self, size: int) -> int:
        """Where a stretch of this size may lie: in the first gap that will do."""
        while self._let_go:
            self._free.append(self._let_go.popleft())
        if sum(length for _, length in self._free) == self._end and self._end:
            os.truncate(self._fd(), 0)
            self._end, self._free = 0, []
        for index, (at, length) in enumerate(self._free):
            if length >= size:
                rest = [(at + size, length - size)] if length > size else []
                self._free[index : index + 1] = rest
                return at
        self._end += size
        return self._end - size


class Contents:
    """All contents of one run, for any thread."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._spool = Spool()
        self._known: weakref.WeakValueDictionary[str, Content] = weakref.WeakValueDictionary()
        self._alike: weakref.WeakValueDictionary[tuple[bytes, int], Content]
        self._alike = weakref.WeakValueDictionary()
        self._recent: OrderedDict[str, Content] = OrderedDict()
        self._count = 0

    def keep(self, data: memoryview) -> Content:
        """The content that these bytes are; a copy, unless there is one already.

        Raises PayloadError where there is no room for a copy.
        """
        look = _look(data)
        with self._lock:
            for candidate in self._candidates(look):
                if candidate.holds(data):
                    return self._used(candidate)
            made = self._spool.write(data)
            content = self._known.setdefault(made.sha, made)
            self._count += 1
            self._alike[look, self._count % ALIKE] = content
            return self._used(content)

    def _candidates(self, look: bytes) -> Iterator[Content]:
        for back in range(ALIKE):
            found = self._alike.get((look, (self._count - back) % ALIKE))
            if found is not None:
                yield found

    def _used(self, content: Content) -> Content:
        """Keep it a while, and let go of what was not used for longest."""
        self._recent[content.sha] = content
        self._recent.move_to_end(content.sha)
        while len(self._recent) > 1 and sum(each.size for each in self._recent.values()) > RECENT:
            self._recent.popitem(last=False)
        return content


def _look(data: memoryview) -> bytes:
    """What two of the same bytes have in common."""
    middle = len(data) // 2
    parts = data[:LOOK], data[middle : middle + LOOK], data[-LOOK:]
    return b"%d " % len(data) + b"".join(parts)
