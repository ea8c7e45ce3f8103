"""What the client must not put off: pilots that have left, bundles that have arrived, tasks whose agent is gone.

Reactions (``reactions.py``) are told from the event alone; these from what has been heard so far.
"""

from __future__ import annotations

from typing import Any

from fcx.executor.core import actions as act
from fcx.executor.core import events as ev

from .faults import beside_requests
from .invariants import Checks
from .pace import STUCK

AGAIN = 60.0  # seconds for which a pilot that could not be cancelled is left alone
LOOKS = (act.ListFolder, act.ReadLog, act.ListLinks, act.ReadOutput)
UNHEARD = 110.0  # seconds after which an agent's end must be known: silence, listings, unread logs


def _reserved(core: Any, pilot: Any) -> list[str]:
    """Tasks that this pilot alone may run."""
    unfinished = core.tasks.unfinished.values() if pilot.reserved else ()
    return [task.id for task in unfinished if task.bundle == pilot.reserved]


class Promptness:
    """Of one life of the client."""

    def __init__(self, checks: Checks) -> None:
        self.checks = checks
        self._up: dict[str, dict[str, None]] = {}  # agents that came up and have not left, by job
        self._left: dict[str, dict[str, str]] = {}  # agents that have left, and why
        self._brings: dict[str, tuple[str, ...]] = {}  # bundles of scripts, by pilot
        self._dropped: dict[str, None] = {}
        self._cancels: dict[int, None] = {}  # requests
        self._kept_alive: dict[str, float] = {}  # jobs that could not be cancelled, and when
        self._attached = False
        self._logs: dict[str, None] = {}  # jobs of which there are any
        self._running: dict[str, Any] = {}  # the run that the caller was told of, by task

    def step(self, core: Any, event: Any, asked: Any, actions: list[Any]) -> None:
        """After each step."""
        now = self.checks.world.now
        self._attached = self._attached or isinstance(event, ev.Attached)
        for action in actions:
            self._note(action)
            if isinstance(action, act.CancelJob) and core._works() and not core.ending.aborting:
                self._cancel(core, action, now)
        if core.ending.broken is not None or core.ending.aborting:
            return
        if isinstance(event, ev.LogRead):
            self._logs[asked.log.partition(".")[0]] = None
            for record in event.records:
                self._heard(core, asked.log, record)
        elif isinstance(event, ev.FilesListed):
            self._logs.update((name.partition(".")[0], None) for name, _ in event.files)
        elif isinstance(event, ev.InboxRead):
            self._unclaimable(core, event)
        elif isinstance(event, ev.JobsListed) and core._works():
            self._failed_at_once(core, event)
        elif isinstance(asked, act.UploadBundle) and isinstance(event, ev.Done):
            fine = asked.bundle in self._dropped
            self.checks.demand(fine, "bytes kept", f"{asked.bundle} has arrived")
        elif isinstance(asked, act.CancelJob) and isinstance(event, ev.Failed):
            self._not_cancelled(core, asked, event, now)
        if core._works():
            self._stale(core, now)

    def _note(self, action: Any) -> None:
        if isinstance(action, act.SubmitPilot):
            self._brings[action.pilot] = action.bundles
        elif isinstance(action, act.ReadInbox):
            self.checks.demand(self._attached, "read for nothing", action)
        elif isinstance(action, act.DropBundle):
            self._dropped[action.bundle] = None
        elif isinstance(action, act.TellRunning):
            runs = self.checks.runs.get(action.task, [])
            mine = [run for run in runs if run.agent.job.id == action.job]
            self._running[action.task] = mine[-1] if mine else None
        elif isinstance(action, act.TellPending | act.Settle):
            self._running.pop(action.task, None)

    # -- agents that come and leave ---------------------------------------------------------

    def _heard(self, core: Any, agent: str, record: Any) -> None:
        job = agent.partition(".")[0]
        if isinstance(record, ev.Up):
            self._up.setdefault(job, {})[agent] = None
            kept = [b for b in self._brings.get(record.pilot, ()) if b not in self._dropped]
            self.checks.demand(not kept, "bytes kept", f"{kept} came with {record.pilot}")
        elif isinstance(record, ev.Left) and agent in self._up.get(job, {}):
            del self._up[job][agent]
            self._left.setdefault(job, {})[agent] = record.why
            self._all_left(core, job)

    def _all_left(self, core: Any, job: str) -> None:
        """A pilot counts no more once all its agents have left, unless Slurm starts it again."""
        shape = self.checks.cluster.jobs[job].script.action.shape
        limits, left = self.checks.scenario.limits_of(shape), self._left[job]
        pilot = core.fleet.of_job(job)
        if (
            limits.requeue
            and beside_requests(self.checks.struck)
            and set(left.values()) == {"signal"}
        ):
            there = not self.checks.cluster.jobs[job].ended
            fine = pilot is None or pilot.phase != "ended" or not there
            self.checks.demand(fine, "may come again", f"job {job}, whose agents had to leave")
        unknown = pilot is not None and pilot.shape != shape  # no journal has it
        if limits.requeue or len(left) < limits.nodes or unknown:
            return
        jobs = pilot.jobs() if pilot is not None else []  # of a submit that was repeated
        twin = any(self._up.get(other) for other in jobs if other != job)
        fine = twin or pilot is None or not pilot.live
        self.checks.demand(fine, "counts on", f"job {job}, whose agents have left: {left}")

    def _failed_at_once(self, core: Any, event: ev.JobsListed) -> None:
        """A job that failed before any agent wrote a word is looked into without delay."""
        looked = any(isinstance(w.action, LOOKS) for w in core.requests.under_way.values())
        for seen in event.jobs:
            pilot, failed = core.fleet.of_job(seen.job), seen.exit_code or seen.signal
            if seen.state == "FAILED" and failed and pilot is not None and pilot.job == seen.job:
                fine = looked or seen.job in self._logs or pilot.phase not in {"queued", "leaving"}
                self.checks.demand(fine or pilot.ambiguous, "not looked into", seen)

    def _unclaimable(self, core: Any, event: ev.InboxRead) -> None:
        """What only a pilot that is gone could claim goes back at once."""
        for bundle, name in event.reserved:
            pilot = core.fleet.named(name)
            if pilot is None or not pilot.live:
                left = [task.id for task in core.tasks.in_bundle(bundle) if task.asked]
                self.checks.demand(not left, "cannot be claimed", f"{left} in {bundle}")

    # -- pilots that are cancelled ----------------------------------------------------------

    def _cancel(self, core: Any, action: act.CancelJob, now: float) -> None:
        """Not while it works, nor soon after that was refused; the same request may be repeated."""
        if action.id in self._cancels:
            return
        self._cancels[action.id] = None
        up = list(self._up.get(action.job, {}))
        job = self.checks.cluster.jobs.get(action.job)
        broken = self.checks.sessions[-1].causes.lanes  # their pilots end at once
        up = [] if job is not None and job.script.action.shape in broken else up
        self.checks.demand(not up, "cancelled at work", f"{action}: {up}")
        script = self.checks.cluster.jobs[action.job].script
        waits = [
            task for p in core.fleet.pilots if p.job == action.job for task in _reserved(core, p)
        ]
        stuck = self.checks.cluster.jobs[action.job].reason in STUCK
        fine = stuck or not (script.fresh and waits)
        self.checks.demand(fine, "cancelled though reserved", f"{action} for {waits}")
        since = now - self._kept_alive.get(action.job, float("-inf"))
        self.checks.demand(since >= AGAIN, "cancelled again", f"{action} after {since:.1f} s")

    def _not_cancelled(self, core: Any, asked: act.CancelJob, event: ev.Failed, now: float) -> None:
        if event.kind == "passing" or not core._works():
            return
        self._kept_alive[asked.job] = now
        pilot = core.fleet.of_job(asked.job)
        fine = pilot is None or pilot.live or pilot.phase == "ended"
        self.checks.demand(fine, "given up all the same", f"{asked}: {pilot}")
        up = bool(self._up.get(asked.job))
        fine = pilot is None or not up or pilot.phase in {"up", "ended"}
        self.checks.demand(fine, "works, and is taken to wait", pilot)

    # -- tasks whose agent is gone ----------------------------------------------------------

    def _stale(self, core: Any, now: float) -> None:
        """Nobody is told for long that a task runs whose agent has ended."""
        scenario = self.checks.scenario
        several = any(
            scenario.limits_of(shape).nodes > 1 for shape in range(len(scenario.kinds) + 1)
        )  # while another agent of the pilot lives, it is no end
        if scenario.lag or several or not beside_requests(self.checks.struck):
            return
        most = UNHEARD + 2 * scenario.limits.sleep_interval + 30 * scenario.latency
        for task, run in self._running.items():
            if run is not None and run.how in {"died", "stopped"} and run.agent.gone:
                job = run.agent.job
                again = job.restart and job.state == "PENDING"  # its next life will tell
                since = max(run.ended, scenario.dark, job.times.began)
                fine = again or now - since <= most
                self.checks.demand(fine, "runs no more", f"{task} on {run.agent.name}")
