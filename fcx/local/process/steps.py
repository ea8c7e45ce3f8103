"""What the programs inside a job ask: steps for srun, the queue for squeue and its kin."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from fcx.local.errors import SchedulerError
from fcx.local.process.job import Job, Step
from fcx.local.process.nodes import Node, node_list, repeated, spread
from fcx.local.process.sbatch import signal_number
from fcx.local.scheduler import Record

if TYPE_CHECKING:
    from fcx.local.process.backend import ProcessScheduler

UNKNOWN = "Invalid job id specified"
OVER = "Job/step already completing or completed"


class StepDesk:
    """Answers one question at a time; a refusal is a SchedulerError with Slurm's words."""

    def __init__(self, scheduler: ProcessScheduler) -> None:
        self.scheduler = scheduler

    def answer(self, what: str, body: Record) -> Any:
        """The answer to a question of programs/desk.py."""
        questions = {
            "step/start": self._start_step,
            "step/end": self._end_step,
            "jobs": self._jobs,
            "cancel": self._cancel,
            "requeue": self._requeue,
            "hold": self._hold,
            "release": self._release,
            "show": self._show,
            "sinfo": self._sinfo,
        }
        if what not in questions:
            raise SchedulerError("Not Found", status=404)
        return questions[what](body)

    def _job(self, job_id: Any) -> Job:
        job = self.scheduler.jobs_by_id.get(str(job_id).partition(".")[0])
        if job is None:
            raise SchedulerError(UNKNOWN)
        return job

    def _start_step(self, body: Record) -> Record:
        job = self._job(body["job"])
        if job.supervisor is None or job.end is not None or job.fate is not None:
            raise SchedulerError(f"Unable to create step for job {job.id}: {OVER}")
        nodes = self._step_nodes(job, body)
        tasks = spread(self._task_count(job, body, len(nodes)), len(nodes))
        nodes = [node for node, count in zip(nodes, tasks, strict=True) if count]
        tasks = [count for count in tasks if count]
        number = job.step_count
        job.step_count += 1
        job.steps.append(Step(str(number), str(body["name"]), time.time()))
        place = self.scheduler.workplace
        return {
            "job": job.id,
            "step": number,
            "nodelist": node_list(nodes),
            "tasks_per_node": repeated(tasks),
            "nodes": [
                {
                    "name": node.name,
                    "index": index,
                    "tasks": count,
                    "env": place.node_environment(node) | {"SLURM_CPUS_ON_NODE": str(job.cpus)},
                }
                for index, (node, count) in enumerate(zip(nodes, tasks, strict=True))
            ],
        }

    def _step_nodes(self, job: Job, body: Record) -> list[Node]:
        wanted = body["nodes"]
        if body["nodelist"]:
            names = {node.name: node for node in job.nodes}
            chosen = [names[name] for name in body["nodelist"].split(",") if name in names]
            if not chosen:
                raise SchedulerError(
                    f"Unable to create step for job {job.id}: "
                    "Requested node configuration is not available"
                )
            return chosen[:wanted] if wanted else chosen
        nodes = job.nodes[body["relative"] :]
        if wanted is None:
            per_node = body["ntasks_per_node"] or 1
            few = body["ntasks"] is not None and body["ntasks"] < len(nodes) * per_node
            return nodes[: max(1, -(-body["ntasks"] // per_node))] if few else nodes
        if wanted > len(nodes):
            raise SchedulerError(f"Only allocated {len(nodes)} nodes asked for {wanted}")
        return nodes[:wanted]

    def _task_count(self, job: Job, body: Record, nodes: int) -> int:
        count = int(body["ntasks"] or nodes * (body["ntasks_per_node"] or 1))
        room = nodes * job.cpus
        if count * body["cpus_per_task"] > room and not body["overcommit"]:
            raise SchedulerError(
                f"Unable to create step for job {job.id}: More processors requested than permitted"
            )
        return max(count, nodes) if body["nodes"] and not body["ntasks"] else count

    def _end_step(self, body: Record) -> None:
        job = self._job(body["job"])
        status = int(body["status"])
        code, number = (status, 0) if status < 256 else (0, status >> 8)
        state = "FAILED" if code else "CANCELLED" if number else "COMPLETED"
        for step in job.steps:
            if step.number == str(body["step"]):
                step.finish(job.ran_out or state if state != "COMPLETED" else state, code, number)

    def _jobs(self, body: Record) -> list[Record]:
        ids = body["ids"]
        if ids:
            found = [self._job_for_squeue(one) for one in ids]
        else:
            found = [job for job in self.scheduler.jobs_by_id.values() if job.end is None]
        wanted = {state.strip().upper() for state in (body["states"] or "").split(",") if state}
        rows = [job.for_tools() for job in found]
        return [row for row in rows if not wanted or row["state"] in wanted or "ALL" in wanted]

    def _job_for_squeue(self, job_id: str) -> Job:
        job = self.scheduler.jobs_by_id.get(job_id)
        age = self.scheduler.settings.min_job_age
        if job is None or (job.end is not None and time.time() - job.end > age):
            raise SchedulerError(f"slurm_load_jobs error: {UNKNOWN}")
        return job

    def _cancel(self, body: Record) -> None:
        job = self._job(body["id"])
        if job.end is not None:
            raise SchedulerError(OVER)
        if body["signal"] is None:
            self.scheduler.end(job, f"CANCELLED by {os.getuid()}")
            return
        try:
            number = signal_number(body["signal"])
        except ValueError:
            raise SchedulerError(f"Unknown job signal: {body['signal']}") from None
        if body["batch"] or body["full"]:
            self.scheduler.send_signal(job, number, shell_only=True)
        if not body["batch"]:
            self.scheduler.send_signal(job, number, shell_only=False)

    def _requeue(self, body: Record) -> None:
        job = self._job(body["id"])
        if job.supervisor is None and job.end is None:
            raise SchedulerError("Job is pending execution")
        if not job.spec.requeue:
            raise SchedulerError("Requested operation is presently disabled")
        if job.end is not None:
            self.scheduler.run_again(job)
        else:
            self.scheduler.end(job, "REQUEUED")

    def _hold(self, body: Record) -> None:
        job = self._job(body["id"])
        if job.pending:
            job.reason = "JobHeldUser"
            self.scheduler.schedule()

    def _release(self, body: Record) -> None:
        job = self._job(body["id"])
        if job.pending and job.reason == "JobHeldUser":
            job.reason = "None"
            self.scheduler.schedule()

    def _show(self, body: Record) -> list[str]:
        ids = body["ids"]
        jobs = [self._job(one) for one in ids] if ids else self.scheduler.jobs_by_id.values()
        return [_shown(job) for job in jobs]

    def _sinfo(self, _body: Record) -> list[str]:
        nodes = self.scheduler.pool.nodes
        states = sorted({node.state for node in nodes})
        return [
            f"normal*      up 1-00:00:00 {len(group):6d} {state.lower():>6} {node_list(group)}"
            for state in states
            for group in [[node for node in nodes if node.state == state]]
        ]


def _shown(job: Job) -> str:
    """What `scontrol show job` prints."""
    facts = job.for_tools()
    limit = "UNLIMITED" if job.limit is None else _clock(job.limit)
    lines = [
        f"JobId={job.id} JobName={job.spec.name}",
        f"UserId={facts['user']}({os.getuid()}) GroupId={facts['group']}({os.getgid()})",
        f"Priority={facts['priority']} Nice=0 Account={job.account} QOS=normal",
        f"JobState={facts['state']} Reason={job.reason} Dependency=(null)",
        f"Requeue={int(job.spec.requeue)} Restarts={job.restarts} BatchFlag=1 Reboot=0",
        f"ExitCode={job.exit_code}:{job.signal}",
        f"RunTime={_clock(facts['elapsed'])} TimeLimit={limit} TimeMin=N/A",
        f"Partition={job.partition} NodeList={job.node_list or '(null)'}",
        f"NumNodes={facts['num_nodes']} NumCPUs={facts['cpus']}",
        f"Command={job.script}",
        f"WorkDir={job.spec.chdir}",
        f"StdErr={job.stderr}",
        f"StdIn={job.stdin}",
        f"StdOut={job.stdout}",
    ]
    return "\n   ".join(lines)


def _clock(seconds: float) -> str:
    minutes, secs = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return (f"{days}-" if days else "") + f"{hours:02d}:{minutes:02d}:{secs:02d}"
