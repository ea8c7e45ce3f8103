"""What Slurm says of jobs, and what is remembered of those that it has forgotten.

Slurm forgets an ended job after MinJobAge (300 s by default), where a real site asks its
accounting database. So the last record of each job is kept here, up to a bound.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Mapping

from ..errors import CommandTimeout, SchedulerError
from ..scheduler import Record
from . import records, scontrol
from .commands import Commands
from .scontrol import Fields

REMEMBERED_JOBS = 20_000


class Memory:
    """Jobs by id, and what this server did to which of them.

    `mine` were submitted here and not seen to end, tasks of arrays and what an sbatch left that
    gave no answer included. Jobs that are `hidden` are somebody else's, as far as the user knows.
    """

    def __init__(self, commands: Commands) -> None:
        self.known: OrderedDict[str, Fields] = OrderedDict()
        self.mine: set[str] = set()
        self.submitted: set[str] = set()
        self.cancelled: set[str] = set()
        self.hidden: set[str] = set()
        self.starved: set[str] = set()
        self._commands = commands
        self._read: dict[str, Fields] = {}

    async def look(self, job_id: str | None = None) -> OrderedDict[str, Fields]:
        """Jobs that Slurm knows, or that it knew: id -> fields; takes note of those that ended."""
        before = set(self.mine)
        done = await self._commands.ask("scontrol", "show", "job", *([job_id] if job_id else []))
        if done.status and "Invalid job id" not in done.stderr:
            raise SchedulerError.of_query(done.status, done.stderr)
        # Most of a long listing is as it was the last time: that isn't read again.
        read = {
            piece: self._read.get(piece) or scontrol.job_fields(piece)
            for piece in scontrol.pieces(done.stdout, "JobId")
        }
        shown = OrderedDict((job["JobId"], job) for job in read.values())
        for job in shown.values():
            self._note(job)
        if job_id is None:
            self._read = read
            # What Slurm no longer knows has ended, though nobody saw its end.
            self.mine -= before - shown.keys()
            return OrderedDict({**self.known, **shown})
        if not shown and job_id in self.known:
            shown[job_id] = self.known[job_id]
        return shown

    async def running(self, job_id: str) -> Fields:
        """What Slurm says of a job that runs; SchedulerError of status 409 if it does not."""
        job = (await self.look(job_id)).get(job_id, {})
        if job.get("JobState") != "RUNNING":
            raise SchedulerError(f"job {job_id} is not running", status=409)
        return job

    async def records(self, job_id: str | None, window: float) -> list[Record]:
        """Records of one job, or of all; those that ended `window` seconds back at most."""
        try:
            found = await self.look(job_id)
        except CommandTimeout as error:
            raise SchedulerError(
                "Error executing Slurm command.", caused_by=[error.message]
            ) from error
        since = time.time() - window
        return [
            self._record(job)
            for job in found.values()
            if job["JobId"] not in self.hidden
            and (job_id is not None or scontrol.is_live(job) or _end_of(job) >= since)
        ]

    def _note(self, job: Fields) -> None:
        """Remember a job that has ended, and which are this server's to end."""
        key = job["JobId"]
        if scontrol.is_live(job):
            self.known.pop(key, None)
            if self._is_ours(job):
                self.mine.add(key)
            return
        self.mine.discard(key)
        self.known[key] = job
        while len(self.known) > REMEMBERED_JOBS:
            oldest, _ = self.known.popitem(last=False)
            for ids in (self.cancelled, self.hidden, self.starved, self.submitted):
                ids.discard(oldest)

    def _is_ours(self, job: Fields) -> bool:
        """A task of an array of this server's, or what an sbatch left that gave no answer."""
        if job.get("ArrayJobId") in self.submitted:
            return True
        sent = self._commands.lost.get(_session(job))
        own = job.get("UserId", "").startswith(f"{self._commands.user.pw_name}(")
        return own and sent is not None and int(job.get("SubmitTime", "0")) >= sent - 1

    def _record(self, job: Fields) -> Record:
        if job["JobId"] in self.starved and job["JobState"] in {"FAILED", "CANCELLED"}:
            job = {**job, "JobState": "OUT_OF_MEMORY", "ExitCode": "0:125"}
        known = self.cancelled & {job["JobId"], job.get("ArrayJobId", "")}
        by = str(self._commands.user.pw_uid) if known else None
        return records.job_record(job, by)


def _session(job: Mapping[str, str]) -> int:
    """The session that submitted the job, as `AllocNode:Sid=host:number` tells."""
    sid = job.get("AllocNode:Sid", "").rpartition(":")[2]
    return int(sid) if sid.isdigit() else -1


def _end_of(job: Mapping[str, str]) -> float:
    end = job.get("EndTime", "")
    return float(end) if end.isdigit() else time.time()
