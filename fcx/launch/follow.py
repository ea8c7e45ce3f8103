"""What a task prints, passed on while it runs, and to the byte at its end; then its exit code."""

from __future__ import annotations

import signal
from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import BinaryIO

from ..errors import FcxError, OutOfMemory, WorkerDied
from ..executor.following import Reader, rounds
from ..executor.future import STREAMS, FirecrestFuture
from ..executor.outputs import KEPT, KEPT_OF_KILLED
from ..executor.reporting import owner


@dataclass(frozen=True)
class End:
    """How it ended: an exit code as a shell has it, and what is to be said of that, if anything."""

    code: int
    said: str = ""


def follow(future: FirecrestFuture[int], out: BinaryIO, err: BinaryIO) -> End:
    """Pass on what it prints until it has ended; interruptions leave it as it is."""
    last = b"\n"  # of what stands in ``err``
    streams, readers = (out, err), [Reader(future, owner(future), which) for which in (0, 1)]
    for found in rounds(future, readers):
        for stream, data in zip(streams, found, strict=True):
            if data:
                stream.write(data)
                stream.flush()
        last = found[1][-1:] or last
    end = ending(future)
    lost = [_lost(name, reader.lost) for name, reader in zip(STREAMS, readers, strict=True)]
    said = "\nfcx: ".join(filter(None, (*lost, end.said)))
    if said and last != b"\n":
        err.write(b"\n")  # what is said stands on a line of its own
        err.flush()
    return End(end.code, said)


def _lost(name: str, count: int | None) -> str:
    """What to say of a stream's end that is not there."""
    if count == 0:
        return ""
    if count is None:
        what = f"The end of {name} may be missing: of a program that was killed"
    else:
        what = f"{count:,} bytes of {name} are missing: of a program that has ended"
    kept = KEPT_OF_KILLED if count is None else KEPT
    return f"{what}, {kept >> 20} MB are kept. Redirect more into a file there."


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
    try:
        name = signal.Signals(-code).name
    except ValueError:  # of the signals of real time, only the first and the last have names
        name = f"signal {-code}"
    return End(128 - code, f"{future.name} was killed by {name}.")
