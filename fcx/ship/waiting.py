"""A job that was submitted, watched until it ends."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from ..errors import FcxError, JobNeverRuns, NotShipped
from ..firecrest.client import Client
from ..firecrest.jobs import JobState
from ..jobstates import NEVER_RUNS
from .progress import Progress

LOOK, LONGEST_LOOK = 0.3, 5.0  # seconds between looks, at first and at most
GROWS = 1.2
NO_REASON = ("", "None")
UNKNOWN = 300.0  # seconds for which the server may not know a job that it has taken


async def ended(
    client: Client,
    job: str,
    progress: Progress,
    again: str,
    look: Callable[[], Awaitable[object]] | None = None,
) -> JobState:
    """The job as it ended; ``look`` is called while it runs, ``again`` says what to call anew.

    Raises JobNeverRuns for one that Slurm will not start, NotShipped for one that nobody knows.
    """
    clock = asyncio.get_running_loop().time
    pause, told, known = LOOK, "", clock()
    while True:
        found = await client.jobs.ask(job)
        if found is not None:
            known = clock()
            if found.terminal:
                return found
            if found.state == "PENDING" and found.reason in NEVER_RUNS:
                raise await _given_up(client, found, again)
            reason = "" if found.reason in NO_REASON else f" ({found.reason})"
            words = f"{found.state}{reason}"
            if words != told:
                progress.line(f"job {job}: {words}")
                told = words
            if look is not None and found.state != "PENDING":
                await look()
        elif clock() - known > UNKNOWN:
            raise NotShipped(
                f"The server does not know job {job} any more. What was sent is kept: run {again} "
                "again."
            )
        await asyncio.sleep(pause)
        pause = min(pause * GROWS, LONGEST_LOOK)


async def _given_up(client: Client, state: JobState, again: str) -> FcxError:
    """Slurm will not start it: nobody is to find it in the queue for ever."""
    with contextlib.suppress(FcxError):
        await client.jobs.cancel(state.job)
    return JobNeverRuns(
        f"Slurm will never start job {state.job}, which makes the image: it is pending for "
        f"{state.reason}. Ask for what the partition allows (--sbatch, or sbatch_options under "
        f"[executor] in fcx.toml) and run {again} again: what was sent is kept. The job was "
        "cancelled."
    )
