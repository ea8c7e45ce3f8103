"""What the programs inside a job ask the controller: steps for srun, the queue for squeue & co.

`programs/controller.py` is the other end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import SchedulerError
from ..scheduler import Record
from . import steps
from .controller import Controller
from .job import Job
from .nodes import node_list
from .options import signal_number
from .tools import facts, shown

UNKNOWN = "Invalid job id specified"
OVER = "Job/step already completing or completed"


class Questions:
    """Answers one question at a time; a refusal is a SchedulerError with Slurm's words."""

    def __init__(self, controller: Controller) -> None:
        self.controller = controller
        self._known: dict[str, Callable[[Record], Any]] = {
            "step/start": self._start_step,
            "step/end": self._end_step,
            "jobs": self._jobs,
            "cancel": self._cancel,
            "requeue": self._requeue,
            "hold": lambda body: controller.hold(self._job(body["id"])),
            "release": lambda body: controller.release(self._job(body["id"])),
            "show": self._show,
            "sinfo": self._sinfo,
        }

    def answer(self, what: str, body: Record) -> Any:
        """The answer to one question; 404 for an unknown one."""
        if what not in self._known:
            raise SchedulerError("Not Found", status=404)
        return self._known[what](body)

    def _job(self, job_id: Any) -> Job:
        job = self.controller.jobs.get(str(job_id).partition(".")[0])
        if job is None:
            raise SchedulerError(UNKNOWN)
        return job

    def _start_step(self, body: Record) -> Record:
        job = self._job(body["job"])
        run = job.run
        up = self.controller.running.has(job) and job.end is None
        if run is None or run.fate is not None or not up:
            raise SchedulerError(f"Unable to create step for job {job.id}: {OVER}")
        return steps.grant(job, run, body, self.controller.workplace)

    def _end_step(self, body: Record) -> None:
        job = self._job(body["job"])
        if job.run is not None:
            steps.end(job.run, str(body["step"]), int(body["status"]))

    def _jobs(self, body: Record) -> list[Record]:
        ids = body["ids"]
        if ids:
            found = [self._job_for_squeue(one) for one in ids]
        else:
            found = [job for job in self.controller.jobs.values() if job.end is None]
        wanted = {state.strip().upper() for state in (body["states"] or "").split(",") if state}
        rows = [facts(job) for job in found]
        return [row for row in rows if not wanted or row["state"] in wanted or "ALL" in wanted]

    def _job_for_squeue(self, job_id: str) -> Job:
        job = self.controller.known(job_id)
        if job is None:
            raise SchedulerError(f"slurm_load_jobs error: {UNKNOWN}")
        return job

    def _cancel(self, body: Record) -> None:
        job = self._job(body["id"])
        if job.end is not None:
            raise SchedulerError(OVER)
        if body["signal"] is None:
            self.controller.cancel(job)
            return
        try:
            number = signal_number(body["signal"])
        except ValueError:
            raise SchedulerError(f"Unknown job signal: {body['signal']}") from None
        if body["batch"] or body["full"]:
            self.controller.running.send_signal(job, number, shell_only=True)
        if not body["batch"]:
            self.controller.running.send_signal(job, number, shell_only=False)

    def _requeue(self, body: Record) -> None:
        job = self._job(body["id"])
        if job.pending:
            raise SchedulerError("Job is pending execution")
        if not job.spec.timing.requeue:
            raise SchedulerError("Requested operation is presently disabled")
        self.controller.requeue(job)

    def _show(self, body: Record) -> list[str]:
        ids = body["ids"]
        jobs = [self._job(one) for one in ids] if ids else self.controller.jobs.values()
        return [shown(job) for job in jobs]

    def _sinfo(self, _body: Record) -> list[str]:
        nodes = self.controller.pools.working.nodes
        states = sorted({node.state for node in nodes})
        return [
            f"normal*      up 1-00:00:00 {len(group):6d} {state.lower():>6} {node_list(group)}"
            for state in states
            for group in [[node for node in nodes if node.state == state]]
        ]
