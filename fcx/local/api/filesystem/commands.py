"""Commands of the login node: run, limited in time and output, and judged by what they print.

The quick operations (quick.py) do their work in this process and come here only when something
is wrong with the path: then the real command says what, in its own words.
"""

from __future__ import annotations

import asyncio
import errno
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import ApiError, CommandTimeout, OutputTooLarge
from ..site import MAX_OPS_SIZE

_STATUS_BY_WORDS = (
    ("No such file or directory", 404),
    ("Permission denied", 403),
    ("Operation not permitted", 403),
    ("File exists", 400),
    ("invalid user", 400),
)
_TIMED_OUT = 124  # what timeout(1) exits with


@dataclass(frozen=True)
class Output:
    """What a command printed, and how it ended."""

    status: int
    stdout: str
    stderr: str


def login_environment() -> dict[str, str]:
    """The environment of a command that arrives over ssh: nothing of the server's own."""
    return {
        "HOME": os.path.expanduser("~"),
        "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin",
        "LC_ALL": "C",
    }


def failure(status: int, stderr: str) -> ApiError:
    """The answer to a command that failed: its status follows from the words it printed."""
    message = f"Remote process failed with exit status:{status}"
    if stderr:
        message += f" and error message:{stderr.strip()}"
    if status == _TIMED_OUT:
        return ApiError(message, status=408)
    code = next((code for words, code in _STATUS_BY_WORDS if words in stderr), 500)
    return ApiError(message, status=code)


async def run(argv: Sequence[str], timeout: float) -> Output:
    """Run a command as it is; neither its status nor its words are judged."""
    try:
        process = await _start(argv, timeout)
    except OSError as problem:
        if problem.errno != errno.E2BIG:
            raise
        raise ApiError("SSH connection Reset.", status=424) from None
    assert process.stdout is not None
    assert process.stderr is not None
    out = asyncio.ensure_future(_read(process.stdout))
    err = asyncio.ensure_future(_read(process.stderr))
    end = asyncio.ensure_future(process.wait())
    try:
        stdout, stderr, status = await asyncio.wait_for(asyncio.gather(out, err, end), timeout)
    except asyncio.TimeoutError:
        raise CommandTimeout from None
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await _let_go(process, out, err, end)
    return Output(status, stdout.decode("utf-8", "replace"), stderr.decode("utf-8", "replace"))


async def _let_go(process: asyncio.subprocess.Process, *reading: asyncio.Future[Any]) -> None:
    """Read what a killed command has left in its pipes: its end is not seen before."""
    for work in reading:
        work.cancel()
    await asyncio.gather(*reading, return_exceptions=True)
    assert process.stdout is not None
    assert process.stderr is not None
    await asyncio.gather(process.stdout.read(), process.stderr.read(), process.wait())


async def _start(argv: Sequence[str], timeout: float) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        "timeout",
        str(timeout),
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=login_environment(),
        start_new_session=True,
    )


async def _read(stream: asyncio.StreamReader) -> bytes:
    try:
        await stream.readexactly(MAX_OPS_SIZE)
    except asyncio.IncompleteReadError as end:
        return end.partial
    raise OutputTooLarge


async def checked(argv: Sequence[str], timeout: float) -> str:
    """Run a command and return what it printed; an ApiError if it failed."""
    output = await run(argv, timeout)
    if output.status != 0:
        raise failure(output.status, output.stderr)
    return output.stdout
