"""What a task prints, passed on while it runs, and to the byte at its end; then its exit code."""

from __future__ import annotations

import hashlib
import signal
from collections.abc import Callable
from concurrent.futures import CancelledError, wait
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

from ..errors import FcxError, OutOfMemory, WorkerDied
from ..executor.effects.written import UNKNOWN
from ..executor.following import LATER, SLOWER, SOON
from ..executor.future import FirecrestFuture


class Tail:
    """One stream of a task."""

    def __init__(self, read: Callable[[int], bytes], target: BinaryIO) -> None:
        self._read = read
        self._target = target
        self._at = 0  # bytes that were passed on
        self._digest = hashlib.sha256()
        self._stuck = False

    def grow(self) -> bool:
        """Pass on what is new of it and sure to be what was written; whether there was any.

        What is not text waits for the end, for the API cannot give it.
        """
        if self._stuck:
            return False
        found = self._read(self._at)
        sure = found.partition(UNKNOWN)[0]
        self._stuck = not sure and len(found) > len(UNKNOWN)
        self._pass_on(sure)
        return bool(sure)

    def end(self, whole: bytes) -> None:
        """Pass on the rest; all of it where it is not what there was, for it was begun again."""
        before = hashlib.sha256(whole[: self._at])
        same = before.digest() == self._digest.digest()
        if same or len(whole) >= self._at:
            self._pass_on(whole[self._at :] if same else whole)

    def _pass_on(self, data: bytes) -> None:
        if data:
            self._target.write(data)
            self._target.flush()
            self._digest.update(data)
            self._at += len(data)


@dataclass(frozen=True)
class End:
    """How it ended: an exit code as a shell has it, and what is to be said of that, if anything."""

    code: int
    said: str = ""


def follow(future: FirecrestFuture[int], out: BinaryIO, err: BinaryIO) -> End:
    """Pass on what it prints until it has ended; interruptions leave it as it is."""
    tails = [Tail(partial(future.written, which), each) for which, each in enumerate((out, err))]
    pause = SOON
    while not wait([future], pause).done:
        grew = [_grew(tail) for tail in tails] if future.running() else []
        pause = SOON if any(grew) else min(pause * SLOWER, LATER)
    for which, tail in enumerate(tails):
        tail.end(future.written(which))
    return ending(future)


def _grew(tail: Tail) -> bool:
    """A look that fails is made again later: what is amiss, the run itself says."""
    try:
        return tail.grow()
    except FcxError:
        return False


def ending(future: FirecrestFuture[int]) -> End:
    """Of a task that has ended."""
    try:
        code = future.result()
    except CancelledError:
        return End(FcxError.exit_code, f"{future.name} was cancelled.")
    except (OutOfMemory, WorkerDied) as error:
        return End(128 + signal.SIGKILL, str(error))
    except FcxError as error:
        return End(error.exit_code, str(error))
    except Exception as error:  # noqa: BLE001 - of the few lines that start it there
        told = f"{type(error).__name__}: {error}"
        return End(FcxError.exit_code, f"{future.name} was not started on the cluster: {told}")
    if code >= 0:
        return End(code)
    return End(128 - code, f"{future.name} was killed by {signal.Signals(-code).name}.")
