"""The job that joins the pieces, from its submission to what became of it."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

from ..errors import FcxError, JobNeverRuns, NotShipped, RequestRefused
from ..firecrest.client import Client
from ..firecrest.jobs import JobState
from ..jobscript.states import NEVER_RUNS
from .progress import Progress

LOOK, LONGEST_LOOK = 0.3, 5.0  # seconds between looks, at first and at most
GROWS = 1.2
UNKNOWN = 300.0  # seconds for which the server may not know a job that it has taken
WORDS = 2000  # bytes of what the job says that an error shows


@dataclass(frozen=True)
class Ended:
    """How the job ended: its exit code (None: not by itself), and what it said."""

    job: str
    code: int | None
    state: str
    said: str = ""


async def run(client: Client, folder: str, parts: str, text: str, progress: Progress) -> Ended:
    """Submit it and wait for its end. Raises JobRefused, JobNeverRuns, NotShipped.

    Who leaves meanwhile leaves the job: what it does is what the next one would have it do.
    """
    job = (await client.jobs.submit(folder, text)).job
    progress.step(f"Joining and verifying in job {job}")
    state = await _end(client, job, progress)
    if state.state == "COMPLETED":
        return Ended(job, 0, state.state)
    code = state.exit_code if state.state == "FAILED" and not state.signal else None
    said = ""
    with contextlib.suppress(RequestRefused):  # there is no such file where it could say nothing
        data = await client.files.read_end(f"{parts}/said.{job}", WORDS)
        said = data.decode("utf-8", "replace").strip()
    return Ended(job, code, state.state, said)


async def _end(client: Client, job: str, progress: Progress) -> JobState:
    """The job as it ended."""
    clock = asyncio.get_running_loop().time
    pause, told, known = LOOK, "", clock()
    while True:
        found = await client.jobs.ask(job)
        if found is not None:
            known = clock()
            if found.terminal:
                return found
            if found.state == "PENDING" and found.reason in NEVER_RUNS:
                raise await _given_up(client, found)
            words = f"{found.state} ({found.reason})" if found.reason else found.state
            if words != told:
                progress.line(f"job {job}: {words}")
                told = words
        elif clock() - known > UNKNOWN:
            raise NotShipped(
                f"The server does not know job {job} any more. What was sent is kept: run `fcx "
                "image ship` again."
            )
        await asyncio.sleep(pause)
        pause = min(pause * GROWS, LONGEST_LOOK)


async def _given_up(client: Client, state: JobState) -> FcxError:
    """Slurm will not start it: nobody is to find it in the queue for ever."""
    with contextlib.suppress(FcxError):
        await client.jobs.cancel(state.job)
    return JobNeverRuns(
        f"Slurm will never start job {state.job}, which joins the image: it is pending for "
        f"{state.reason}. Ask for what the partition allows (--sbatch, or sbatch_options under "
        "[executor] in fcx.toml) and run `fcx image ship` again: what was sent is kept. The job "
        "was cancelled."
    )
