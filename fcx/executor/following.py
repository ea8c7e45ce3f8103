"""A task's output while it runs: pieces in the caller's thread, and what is left at the end.

::

    Reader (one stream) ─ owner.written: surely of the attempt that runs ──> pieces, their digest
         └─ at the end: all that is kept of it ─ begins as the digest says? ──> the rest, or all
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import wait
from typing import TYPE_CHECKING, Any

from ..errors import FcxError
from .outputs import kept

if TYPE_CHECKING:
    from .effects.written import Written
    from .future import FirecrestFuture, Owner

QUIET = 0.25  # seconds between two looks at whether it runs, which cost nothing
SOON, LATER, SLOWER = 1.0, 15.0, 1.5  # seconds between two questions, growing while nothing comes


class Reader:
    """One stream of a task: each byte once for each attempt of which something was seen.

    What is no text waits for the end, for the API cannot give it.
    """

    def __init__(self, future: FirecrestFuture[Any], owner: Owner, stream: int) -> None:
        self.lost: int | None = 0  # at the end: bytes that nobody has; None: some, perhaps
        self.pause = 0.0  # seconds after which to look again, at the soonest
        self.again = False  # the latest piece is the beginning, once more
        self.note = b""  # at the end: that there was more
        self._at = 0  # bytes that were given, of the attempt that runs
        self._digest = hashlib.sha256()
        self._future = future
        self._owner = owner
        self._stream = stream
        self._before: Written | None = None

    def look(self) -> bytes:
        """What is new. A failure is no matter: all of it comes at the end."""
        before, future, self.again = self._before, self._future, False
        try:
            found = self._owner.written(future.task_id, self._stream, before)
        except FcxError as error:
            logging.getLogger("fcx").debug(f"The output of {future.name} was not read: {error}")
            return b""
        if found is None:
            return b""
        self.again = before is not None and found.of != before.of
        if self.again:
            self._at, self._digest = 0, hashlib.sha256()
        self._before, self.pause = found, found.pause
        self._at += len(found.data)
        self._digest.update(found.data)
        return found.data

    def rest(self) -> bytes:
        """What was not given yet, once it has ended: of an attempt that was not seen, all of it."""
        whole = b"" if self._future.cancelled() else self._future.written(self._stream)
        data, missing = kept(whole)
        self.note = whole[len(data) :]
        beyond = self._at - len(data)
        if beyond > 0 and self._is_the_last():  # more was given than is kept
            self.again = False
            self.lost = missing and max(0, missing - beyond)
            return b""
        self.lost = missing
        self.again = hashlib.sha256(data[: self._at]).digest() != self._digest.digest()
        return data if self.again else data[self._at :]

    def _is_the_last(self) -> bool:
        """Whether what was read is known to be of the attempt that counts."""
        attempts, before = self._future.attempts, self._before
        if not attempts or before is None:
            return False
        return before.of[2] == attempts[-1].number


def rounds(future: FirecrestFuture[Any], readers: Sequence[Reader]) -> Iterator[list[bytes]]:
    """What is new in each of the streams, until the task is done; last the rest of each."""
    growing = pause = SOON
    while not wait([future], pause if future.running() else QUIET).done:
        if not future.running():
            continue
        found = [reader.look() for reader in readers]
        growing = SOON if any(found) else min(LATER, growing * SLOWER)
        pause = max(growing, sum(reader.pause for reader in readers))
        if any(found):
            yield found
    yield [reader.rest() for reader in readers]


def pieces(future: FirecrestFuture[Any], owner: Owner, stream: int) -> Iterator[str]:
    """Text of one stream, in whole lines until the task is done."""
    reader, begun = Reader(future, owner, stream), b""  # the beginning of a line
    for (data,) in rounds(future, [reader]):
        written = data if reader.again else begun + data
        if future.done():
            written, begun = written + reader.note, b""
        else:
            end = max(written.rfind(b"\n"), written.rfind(b"\r")) + 1
            written, begun = written[:end], written[end:]
        if written:
            yield written.decode("utf-8", "replace")
