"""Workers that SIGTERM from outside has ended: what Slurm says of their job is waited for, and heeded."""

from __future__ import annotations

from typing import Any

import msgspec

from fcx.executor.core import actions as act
from fcx.executor.core import events as ev
from fcx.protocol.names import Incarnation

from .invariants import Checks

SIGTERM = 15
TIME = 10.0  # seconds left of a job from which SIGTERM means the end of its time
PAUSE = 2.0  # seconds between questions
ALONE, ENDING = 5.0, 60.0  # seconds until only the worker was meant: its agent was told to end, too
LATE = 0.5  # seconds that a question may be late
ENDED = ("COMPLETED", "FAILED", "TIMEOUT", "OUT_OF_MEMORY", "NODE_FAIL", "BOOT_FAIL", "DEADLINE")
ENDED += ("PREEMPTED", "CANCELLED")
BLIND = ("hidden_job", "long_hidden_job", "forgotten_job", "listing_without_job", "empty_listing")
ODD = (*BLIND, "odd_state", "directory_removed", "journal_lost", "laptop_sleeps")


class Cut(msgspec.Struct):
    """One task whose worker has ended so."""

    task: str
    attempt: int
    agent: str
    since: float
    asked: int = 0  # the question that has no answer yet
    again: float | None = None  # when the next is due
    waits: float = 0.0  # until then it may, where a look has decided nothing
    looks: str = ""  # at all logs, before its job is taken to go on: "surely" or "perhaps"


class Cuts:
    """Of one life of the client; ``sent``: attempts of tasks, as last sent."""

    def __init__(self, checks: Checks, sent: dict[str, int], settled: dict[str, Any]) -> None:
        self.checks = checks
        self.sent, self.settled = sent, settled
        self._open: list[Cut] = []
        self._told_to_end: dict[str, None] = {}  # agents
        self._left: dict[str, None] = {}
        self._others: dict[str, None] = {}  # jobs with such tasks that nobody had asked for yet

    def step(self, core: Any, event: Any, asked: Any, actions: list[Any]) -> None:
        """After each step."""
        if any(name in self.checks.struck for name in ODD) or core.ending.stage != "open":
            self._open = []
            return
        now = self.checks.world.now
        done = {
            a.task: a for a in actions if isinstance(a, act.Settle | act.TellPending | act.Fetch)
        }
        if isinstance(event, ev.LogRead):
            self._heard(core, asked.log, event.records, done, now)
        for cut in [cut for cut in self._open if asked is not None and cut.asked == asked.id]:
            if not (isinstance(event, ev.Failed) and event.kind == "passing"):
                self._answered(core, cut, event, done, now)
        self._open = [cut for cut in self._open if self._counts(cut) and cut.task not in done]
        for cut in self._open if not core.logs.look.busy else ():
            fine = cut.looks != "surely"
            self.checks.demand(fine, "decided wrongly", f"{cut}: not, after its look")
            cut.waits = now + PAUSE if cut.looks else cut.waits
            cut.looks = ""
        for action in actions:
            if isinstance(action, act.AskJob):
                self._asks(core, action, now)
        self._late(core, now)

    def _counts(self, cut: Cut) -> bool:
        return cut.task not in self.settled and self.sent.get(cut.task) == cut.attempt

    def _heard(self, core: Any, agent: str, records: Any, done: dict[str, Any], now: float) -> None:
        job = agent.partition(".")[0]
        pilot = core.fleet.of_job(job)
        for record in records:
            if isinstance(record, ev.Told) or record == ev.Left("signal"):
                self._told_to_end[agent] = None
                for cut in self._open:
                    if cut.agent == agent and cut.looks == "surely":
                        cut.looks, cut.again = "perhaps", now + PAUSE
            if isinstance(record, ev.Left):
                self._left[agent] = None
            elif isinstance(record, ev.Died) and _waits(record) and pilot is not None:
                if record.task in done and not pilot.live:
                    continue  # it was cancelled as surplus
                cut = Cut(record.task, record.attempt, agent, now, again=now)
                task = core.tasks.unfinished.get(record.task)
                if self._counts(cut) and task is not None and task.asked:
                    fine = record.task not in done
                    self.checks.demand(fine, "decided unasked", f"{record}: {done}")
                    self._open.append(cut)
                elif task is not None and task.attempt == record.attempt:
                    self._others[job] = None
        # A question names a job alone: which task it is about is not known there.
        self._open = [cut for cut in self._open if cut.agent.partition(".")[0] not in self._others]

    def _asks(self, core: Any, action: act.AskJob, now: float) -> None:
        """The first that is due."""
        if any(cut.asked == action.id for cut in self._open):
            return
        jobs = [cut for cut in self._open if cut.agent.partition(".")[0] == action.job]
        for cut in sorted(jobs, key=lambda cut: cut.looks):  # rather of those that do not look
            if cut.again is not None and now >= cut.again - 1e-6:
                cut.asked, cut.again = action.id, None
                return
        fine = not jobs or bool(core.tasks.unasked.unfinished)  # it may be about one of those
        self.checks.demand(fine, "asked too soon", f"{action}: {jobs}")

    def _answered(self, core: Any, cut: Cut, event: Any, done: dict[str, Any], now: float) -> None:
        """What it says is heeded; while it says that the job goes on, it is waited for."""
        state = (
            event.state.state if isinstance(event, ev.JobAnswered) and event.state else "RUNNING"
        )
        note = done.get(cut.task)
        most = ENDING if cut.agent in self._told_to_end else ALONE
        unread = state == "COMPLETED" and cut.agent not in self._left
        if _began_again(core, cut.agent):
            self.checks.demand(note is not None, "decided wrongly", f"{cut}: its job began again")
            return
        known = state in ENDED or state == "PENDING" or now >= cut.since + most
        alone = state in {"RUNNING", "COMPLETED"} and cut.agent not in self._told_to_end
        if (known or unread) and alone and note is None and core.logs.look.busy:
            cut.looks = "perhaps" if unread else "surely"  # unread: it may be known to be gone
        if cut.looks == "surely":
            cut.asked = 0
            return
        if self._counts(cut) or note is not None:
            fine = unread or known is (note is not None)  # unread: it may be known to be gone
            self.checks.demand(fine, "decided wrongly", f"{cut}: {event}, {note}")
        if state in {"PREEMPTED", "PENDING"}:
            again = note is None or isinstance(note, act.TellPending | act.Fetch)
            self.checks.demand(again, "charged", f"{cut}: {event}, {note}")
        elif state == "RUNNING" and isinstance(note, act.Settle) and note.trouble is not None:
            fine = note.trouble.error == "WorkerDied"
            self.checks.demand(fine, "blamed on the job", f"{cut}: {event}, {note}")
        cut.asked, cut.again = 0, now + PAUSE

    def _late(self, core: Any, now: float) -> None:
        for cut in self._open if core._works() else ():
            fine = cut.again is None or cut.looks or now <= max(cut.again, cut.waits) + LATE
            self.checks.demand(fine, "asked late", cut)


def _began_again(core: Any, agent: str) -> bool:
    """Whether a listing has shown another life of the agent's job, put back into the queue."""
    me = Incarnation.parse(agent)
    return me is not None and me._replace(restart=me.restart + 1) in core.logs.cursors


def _waits(record: ev.Died) -> bool:
    """Whether only Slurm can say why."""
    time = record.left is not None and record.left < TIME
    return record.signal == SIGTERM and record.outside and not time
