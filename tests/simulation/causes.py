"""Every error has a cause that really was: what each may come from."""

from __future__ import annotations

import re
from typing import Any

from fcx.executor.core import actions as act
from fcx.executor.core import events as ev

from .invariants import Checks

ITS_TIME = 10.0  # seconds left of a job from which a worker's end means its time limit
OVERDUE = 60.0  # seconds after which an outcome that can be read must have been seen
TASKS_OWN = ("WorkerDied", "TimeLimitExceeded", "OutOfMemory", "ResultError")
JOBS = (
    *(
        "node_fails",
        "requeued_in_order",
        "preempted",
        "cancelled_outside",
        "agent_killed",
        "agent_vanishes",
        "disk_full",
    ),
    *("requeued", "barren_job", "boot_fails", "cancelled_waiting", "job_memory", "flush_fails"),
    "srun_fails",
)
LOST_SIGHT = (
    "lost_answer",
    *("ghost_submit", "repeated_submit", "damaged_line", "directory_removed", "early_record"),
    *("spoilt_read", "half_read"),
)
GONE = ("directory_removed",)  # somebody removed it all
CAUSES: dict[str, tuple[str, ...]] = {
    "JobRefused": ("submit_refused",),
    "RequestRefused": ("permission",),
    "KeyError": ("driver_bug", "driver_breaks"),
    "Unreachable": (
        *("outage", "long_outage", "timeout_before", "html_page", "token_refused", "rate_limited"),
        *("lost_answer", "ghost_submit", "dark"),
    ),
    "RunTaken": ("client_beside",),
    "JobNeverRuns": ("never_starts",),
    "InitializerFailed": (
        "initializer_dies",
        "worker_cut",
        "worker_breaks",
        "worker_hangs",
        "worker_unfit",
        "modules_unread",
        *GONE,
    ),
    "RunLost": (
        "directory_removed",
        "client_dies",
        "client_attaches",
        "journal_lost",
        "permission",
        "fetch_refused",
    ),
    "ParityError": (
        "worker_breaks",
        "barren_job",
        "srun_fails",
        "flush_fails",  # an agent that can write nothing is as good as none
        "place",
        "worker_cut",
        "worker_hangs",
        "worker_unfit",
    ),
    "NoSuchPath": ("directory_removed",),
    "JobFailed": (*JOBS, *LOST_SIGHT, "looks_gone", "removed"),
    "NodeFailed": ("node_fails", "boot_fails", "agent_vanishes"),  # never a preemption
    "JobCancelled": (*JOBS, "client_dies", "client_attaches"),
    "OutOfMemory": ("job_memory", "memory"),
    "TimeLimitExceeded": ("client_beside", "time", "deadline", "preempted", "cancelled_outside"),
    "WorkerDied": ("killed", "no_room", "question_refused"),
    "ResultError": (
        "fetch_refused",
        "fetch_spoilt",
        "permission",
        "directory_removed",
        "driver_bug",
    ),
}


TRIED = re.compile(r"It was tried ([0-9]+) times")
JOB = re.compile(r"\b[Jj]ob ([0-9]+)")
LIES = (
    *LOST_SIGHT,
    "odd_state",
    "damaged_line",
    "half_read",
    "requeued",
    "agent_killed",
    "time_unknown",
)
STATES = {
    "TIMEOUT": "TimeLimitExceeded",
    "OUT_OF_MEMORY": "OutOfMemory",
    "NODE_FAIL": "NodeFailed",
    "BOOT_FAIL": "NodeFailed",
    "DEADLINE": "TimeLimitExceeded",
    "PREEMPTED": "NodeFailed",
    "CANCELLED": "JobCancelled",
    **dict.fromkeys(("COMPLETED", "FAILED", "RUNNING"), "JobFailed"),
}


def _of_run(run: Any, plan: Any, job: Any) -> set[str]:
    """Errors that a run's end may be called by what its agent said of it."""
    if run.agent.job is not job:
        return set()
    if overran(run, plan):
        return {"TimeLimitExceeded"}
    if plan.how == "memory":
        return {"OutOfMemory", "WorkerDied"} if job.doomed else {"OutOfMemory"}
    soon = run.how == "died" and run.ended >= job.times.ends - ITS_TIME
    if job.doomed != "TIMEOUT" and soon:
        return {"TimeLimitExceeded", "WorkerDied"}  # nobody can tell
    if run.how == "died" and job.doomed == "TIMEOUT":
        own = plan.how in {"exits", "killed", "stubborn"}
        return {"TimeLimitExceeded", "WorkerDied"} if own else {"TimeLimitExceeded"}
    return {"WorkerDied"}


def overran(run: Any, plan: Any) -> bool:
    """Whether it was ended for its walltime."""
    walltime = plan.walltime
    return walltime is not None and run.ended - run.began >= walltime - 0.001


def found_here(trouble: ev.Trouble) -> bool:
    """Whether it lists what a guard found, which may be nothing."""
    return trouble.error == "ParityError" and "differs" in trouble.message


class Causes:
    """Of the errors that one life of the client gave to its caller."""

    def __init__(self, checks: Checks) -> None:
        self.checks = checks
        self.broken: ev.Trouble | None = None
        self.lanes: dict[int, ev.Trouble] = {}  # shapes that cannot go on
        self.lanes_broke_at: dict[int, float] = {}
        self.leaving = False
        self._refused: dict[int, None] = {}  # sets of requirements
        self._fetch_failed: dict[str, None] = {}

    def told(self, event: Any, asked: Any) -> None:
        """What may be a cause."""
        if isinstance(event, ev.RequirementsJudged) and event.trouble is not None:
            self._refused[asked.requirements] = None
        elif isinstance(asked, act.Fetch) and isinstance(event, ev.Failed):
            self._fetch_failed[asked.task] = None
        elif isinstance(event, ev.CloseAsked):
            self.leaving = True

    @property
    def all_broken(self) -> list[ev.Trouble]:
        """Why the run, or pilots of some shape, could not go on."""
        return [*self.lanes.values(), *([self.broken] if self.broken else [])]

    def lane_broke(self, shape: int, trouble: ev.Trouble) -> None:
        """Pilots of a shape cannot go on; tasks of others have nothing to do with it."""
        self.checks.demand(shape not in self.lanes, "broken twice", f"{shape}: {trouble}")
        self.lanes[shape], self.lanes_broke_at[shape] = trouble, self.checks.world.now
        self._caused(trouble, f"shape {shape}")

    def broke(self, trouble: ev.Trouble) -> None:
        """The run cannot go on."""
        self.broken, self.leaving = trouble, True
        never = trouble.error == "RunLost" and not self.checks.cluster.directory.life
        self.checks.demand(not never, "lost what never was", trouble)
        self._caused(trouble, "the run")
        self._exact(trouble, [])

    def settled(self, note: act.Settle, trouble: ev.Trouble) -> None:
        """A task has an error: it is explained, and no outcome exists that could be read."""
        if self.broken is not None and trouble == self.broken:
            return
        checks, now = self.checks, self.checks.world.now
        plan = checks.plans[note.task]
        if self.lanes.get(plan.shape) == trouble:
            return
        if plan.requirements in self._refused and trouble.error == "ParityError":
            return
        written = checks.written.get(note.task, {}).values()
        late = [run for run in written if run.ended < now - OVERDUE]
        had = any(note.task in life.settled for life in checks.sessions[:-1])  # then died
        fine = not late or note.task in self._fetch_failed or checks.excused() or had
        checks.demand(fine, "outcome lost", note)
        if "never sent" in trouble.message:
            self._never_sent(note.task)
        self._caused(trouble, note.task)
        self._exact(trouble, self.checks.runs.get(note.task, []))
        self._tried(note, trouble)

    def _caused(self, trouble: ev.Trouble, whose: str) -> None:
        """At least one of the causes that the error may have; and words."""
        checks = self.checks
        fine = len(trouble.message) > 2 and ("None" not in trouble.message or found_here(trouble))
        checks.demand(fine, "nothing said", trouble)
        if "could not start" in trouble.message:
            missing = "python3: not found" in trouble.message
            fine = missing == ("There is no python3" in trouble.message)
            checks.demand(fine, "another remedy", trouble)
        there = {**checks.struck, **dict.fromkeys(self._circumstances(whose))}
        causes = CAUSES.get(trouble.error, ())
        fine = any(cause in there for cause in causes)
        checks.demand(fine, "no cause", f"{trouble} of {whose}; there were {list(there)}")

    def _exact(self, trouble: ev.Trouble, runs: list[Any]) -> None:
        """An error that names a job is the one that its end means, or its worker's."""
        named = JOB.search(trouble.message)
        job = self.checks.cluster.jobs.get(named.group(1)) if named else None
        lied = any(name in self.checks.struck for name in LIES) or self.checks.scenario.lag
        if job is None or lied or trouble.error in {"JobNeverRuns", "ParityError"}:
            return
        word = job.state if job.ended else "RUNNING"
        fine = {STATES[word], "JobFailed"} if not runs else {STATES[word]}
        for run in runs:
            fine |= _of_run(run, self.checks.plans[run.task], job)
        self.checks.demand(trouble.error in fine, "misnamed", f"{trouble}: {sorted(fine)}")

    def _circumstances(self, whose: str) -> list[str]:
        """Causes that are no faults."""
        scenario = self.checks.scenario
        found = []
        if scenario.place != "fine" or any(kind.refused for kind in scenario.kinds):
            found.append("place")
        if scenario.dark:
            found.append("dark")
        if len(self.checks.sessions) > 1 and not self.checks.cluster.directory.exists:
            found.append("removed")  # by an earlier life
        cut = any(run.cut for run in self.checks.runs.get(whose, []))
        if cut or any(job.doomed == "TIMEOUT" for job in self.checks.jobs()):
            found.append("time")
        plan = self.checks.plans.get(whose)
        if plan is not None and plan.how in {"killed", "stubborn", "exits"}:
            found.append("killed")
        if plan is not None and plan.how == "memory":
            found.append("memory")
        if plan is not None and any(overran(r, plan) for r in self.checks.runs.get(whose, [])):
            found.append("time")
        return found

    def _never_sent(self, task: str) -> None:
        """No job that may yet begin, or is at work, has it."""
        if any(name in self.checks.struck for name in ("journal_lost", "ghost_submit")):
            return  # pilots that the journal does not have
        for job in self.checks.jobs():
            carried = [name for parcel in job.script.bundles for name, _ in parcel.tasks]
            fine = job.ended or task not in carried
            self.checks.demand(fine, "sent all the same", f"{task} is in the script of {job.id}")

    def _tried(self, note: act.Settle, trouble: ev.Trouble) -> None:
        """A task is given up after as many losses as it may have, unless they are its own."""
        checks = self.checks
        plan = checks.plans[note.task]
        runs = checks.runs.get(note.task, [])
        lost = [run for run in runs if run.how != "finished" or note.task not in checks.written]
        text = f"{note} after {[(r.attempt, r.how) for r in runs]}"
        if trouble.error in {"JobFailed", "NodeFailed", "JobCancelled", "WorkerDied"}:
            own = plan.how == "exits" or "cannot keep" in trouble.message
            enough = own or "went back" in trouble.message
            retries = checks.scenario.limits.task_retries
            unread = note.task in checks.written and checks.excused()
            checks.demand(enough or unread or len(lost) > retries, "given up early", text)
        said = TRIED.search(trouble.message)
        fine = said is None or int(said.group(1)) == checks.scenario.limits.task_retries + 1
        checks.demand(fine, "tried otherwise", text)
        if trouble.error == "TimeLimitExceeded":
            late = any(overran(run, plan) for run in runs)
            checks.demand(late or any(run.first for run in runs), "owed its time", text)
