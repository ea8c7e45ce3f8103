"""The job that joins the pieces, from its submission to what became of it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from ..errors import RequestRefused
from ..firecrest.client import Client
from .progress import Progress
from .waiting import ended

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
    state = await ended(client, job, progress, "`fcx image ship`")
    if state.state == "COMPLETED":
        return Ended(job, 0, state.state)
    code = state.exit_code if state.state == "FAILED" and not state.signal else None
    said = ""
    with contextlib.suppress(RequestRefused):  # there is no such file where it could say nothing
        data = await client.files.read_end(f"{parts}/said.{job}", WORDS)
        said = data.decode("utf-8", "replace").strip()
    return Ended(job, code, state.state, said)
