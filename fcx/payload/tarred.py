"""Files of a tar, as it comes: each to its place, none kept.

Only the files that are looked for may be in it, once each, and with the sizes that they have.
"""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Callable, Mapping

HEAD = tarfile.BLOCKSIZE  # bytes of a head; what follows it fills up to a multiple of them
MOST_EXTRA = 1 << 20  # bytes of what an archiver says about a file
STEP = 1 << 20  # bytes that are unpacked at once
GZIP = b"\x1f\x8b"
ABOUT = (tarfile.XHDTYPE, tarfile.XGLTYPE)


class Unfit(ValueError):
    """It is not the archive that was asked for."""


class Tarred:
    """Takes an archive in, plain or compressed by gzip.

    ``wanted``: where each file belongs, and its size, by name. ``put`` takes stretches of them.
    """

    def __init__(
        self, wanted: Mapping[str, tuple[int, int]], put: Callable[[int, memoryview], None]
    ) -> None:
        self.came: list[int] = []  # where those belong that are there, whole
        self._wanted = dict(wanted)
        self._put = put
        self._gzip: zlib._Decompress | None = None
        self._begun = False
        self._first = b""  # a byte by which it cannot be told yet what it is
        self._head = b""  # as much of one as has come
        self._at: int | None = None  # where the next bytes belong; None: nowhere
        self._from = 0  # where the file belongs that is coming
        self._left = 0  # bytes of it that have not come
        self._fill = 0  # bytes after it that mean nothing
        self._ended = False

    def feed(self, data: bytes) -> None:
        """What has come of the archive. Raises Unfit."""
        if not self._begun:
            data, self._first = self._first + data, data
            if len(data) < len(GZIP):
                return
            self._begun = True
            if data.startswith(GZIP):
                self._gzip = zlib.decompressobj(16 + zlib.MAX_WBITS)
        if self._gzip is None:
            self._take(memoryview(data))
            return
        try:
            while data:
                self._take(memoryview(self._gzip.decompress(data, STEP)))
                data = self._gzip.unconsumed_tail
        except zlib.error as error:
            raise Unfit(f"the archive cannot be unpacked: {error}") from None

    def finish(self) -> None:
        """Nothing more comes. Raises Unfit where anything is missing."""
        if self._gzip is not None:
            self._take(memoryview(self._gzip.flush()))
        if self._left or self._wanted:
            raise Unfit(f"{len(self._wanted) + bool(self._left)} files are missing in the archive")

    def _take(self, data: memoryview) -> None:
        while data and not self._ended:
            if self._left:
                data = self._content(data)
            elif self._fill:
                skipped = min(self._fill, len(data))
                self._fill -= skipped
                data = data[skipped:]
            else:
                missing = HEAD - len(self._head)
                self._head += data[:missing]
                data = data[missing:]
                if len(self._head) == HEAD:
                    head, self._head = self._head, b""
                    self._begin(head)

    def _content(self, data: memoryview) -> memoryview:
        """Some of a file; what is not."""
        size = min(self._left, len(data))
        if self._at is not None:
            self._put(self._at, data[:size])
            self._at += size
        self._left -= size
        if not self._left and self._at is not None:
            self.came.append(self._from)
        return data[size:]

    def _begin(self, head: bytes) -> None:
        """The head of a file, or of something about the next one."""
        if not head.strip(b"\0"):
            self._ended = True
            return
        try:
            found = tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            raise Unfit(f"what came is no archive: {error}") from None
        if found.type in ABOUT and found.size <= MOST_EXTRA:
            self._at = None
        else:
            self._at = self._from = self._place(found)
        self._left, self._fill = found.size, -found.size % HEAD

    def _place(self, found: tarfile.TarInfo) -> int:
        at, size = self._wanted.pop(found.name.removeprefix("./"), (0, -1))
        if not found.isreg() or found.size != size:
            raise Unfit("there is something else in the archive than was packed")
        return at
