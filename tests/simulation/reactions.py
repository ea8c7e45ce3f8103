"""What must follow at once from what the core is told, and later from what is asked of it."""

from __future__ import annotations

from typing import Any

import msgspec

from fcx.executor.core import actions as act
from fcx.executor.core import events as ev

from .invariants import Checks

SOON = 10.0  # seconds in which agents are told that a task is not wanted, beside what it waits for


class Reactions:
    """Of one life of the client."""

    def __init__(
        self, checks: Checks, expected: dict[str, None], settled: dict[str, act.Settle]
    ) -> None:
        self.checks = checks
        self.expected, self.settled = expected, settled  # the session's
        self.sent: dict[str, int] = {}  # attempts, as last sent
        self._tidied = ""  # what the directory was left as
        self._uncancelled: dict[str, None] = {}  # jobs that may yet begin, though the run is over
        self._recorded = False  # that the run is over
        self._ambiguous = False  # a submit was repeated: another job may come
        self._landed = False  # an agent has been heard of
        self._listed: dict[str, None] = {}  # logs
        self._alive: dict[str, None] = {}  # agents that were heard of, and not of their end
        self._ran: dict[str, None] = {}  # tasks that were told to run
        self._unordered: dict[str, float] = {}  # cancelled after they were sent, and when

    def step(
        self, core: Any, event: Any, asked: Any, actions: list[Any], before: dict[str, None]
    ) -> None:
        """``asked``: what the event answers; ``before``: tasks that had settled before it."""
        if isinstance(event, ev.LogRead):
            self._heard(asked.log, event.records)
        elif isinstance(event, ev.FilesListed):
            self._listed.update(dict.fromkeys(name.rpartition(".")[0] for name, _ in event.files))
        for action in actions:
            self._well_formed(action)
            if isinstance(action, act.ReadLog):
                self._readable(core, action)
        if isinstance(event, ev.CancelAsked) and event.task in self.sent:
            self._unordered.setdefault(event.task, self.checks.world.now)
        for action in actions:
            if isinstance(action, act.Settle) and action.cancelled and action.task in self.sent:
                self._unordered.setdefault(action.task, self.checks.world.now)
        if core.ending.broken is None and not core.ending.aborting:
            self._follows(event, actions, before)
            self._ordered(core, actions)
        self._noted(core, event, asked, actions)

    def _heard(self, agent: str, records: tuple[Any, ...]) -> None:
        for record in records:
            if isinstance(record, ev.Up):
                self._alive[agent] = None
            elif isinstance(record, ev.Left):
                self._alive.pop(agent, None)

    def _readable(self, core: Any, action: act.ReadLog) -> None:
        """A log that was listed, or the first of a job."""
        blind = [f"{pilot.job}.0.0" for pilot in core.fleet.pilots]
        fine = action.log in self._listed or action.log in blind
        self.checks.demand(fine, "no such log", action)

    # -- form -------------------------------------------------------------------------------

    def _well_formed(self, action: Any) -> None:
        """It is of the types that it is declared with, and names what there is."""
        try:
            msgspec.convert(msgspec.to_builtins(action), type(action))
        except msgspec.ValidationError as error:
            self.checks.demand(False, "malformed", f"{action}: {error}")
        known = KNOWN_WORDS.get(type(action))
        if known is not None:
            field, words = known
            said = getattr(action, field)
            self.checks.demand(said in words, "malformed", f"{action}: {said!r}")
        if isinstance(action, act.CancelJob | act.ReadOutput):
            there = action.job in self.checks.cluster.jobs
            self.checks.demand(there, "no such job", action)

    # -- at once ----------------------------------------------------------------------------

    def _follows(self, event: Any, actions: list[Any], before: dict[str, None]) -> None:
        if isinstance(event, ev.LogRead):
            for record in event.records:
                self._record(record, actions, before)
        elif isinstance(event, ev.CancelAsked) and event.task not in before:
            gone = any(isinstance(a, act.Settle) and a.task == event.task for a in actions)
            expected = event.task in self.settled
            self.checks.demand(gone or expected, "not cancelled", event.task)
        elif isinstance(event, ev.OutputRead):
            last = event.text.rstrip().rpartition("\n")[2]
            told = any(last in getattr(a, "text", "") for a in actions)
            broken = any(isinstance(a, act.Broken) and last in a.trouble.message for a in actions)
            known = bool(self.checks.sessions[-1].causes.lanes)  # and why, already
            self.checks.demand(told or broken or known, "not told", event.text)
        elif isinstance(event, ev.JobMade):
            made = [a for a in actions if isinstance(a, act.RecordPilot) and a.job == event.job]
            self.checks.demand(bool(made), "job not remembered", event)

    def _record(self, record: Any, actions: list[Any], before: dict[str, None]) -> None:
        task = getattr(record, "task", "")
        if isinstance(record, ev.Up) and record.probe:
            judged = any(isinstance(a, act.Judge) and a.probe == record.probe for a in actions)
            judged = judged or "journal_lost" in self.checks.struck  # the pilot is not known
            self.checks.demand(judged, "not judged", record)
        if task not in self.expected or task in before:
            return
        current = self.sent.get(task) == record.attempt
        if isinstance(record, ev.Running) and current:
            told = any(isinstance(a, act.TellRunning) and a.task == task for a in actions)
            self.checks.demand(told or task in self.settled, "not told", record)
        elif isinstance(record, ev.Finished) and record.whole:
            gets = [a for a in actions if isinstance(a, act.Settle | act.Fetch) and a.task == task]
            self.checks.demand(bool(gets), "outcome left", record)
            fetches = [a for a in gets if isinstance(a, act.Fetch)]
            named = [(a.attempt, a.parts) for a in fetches]  # two attempts may have ended at once
            fine = not fetches or (record.attempt, record.parts) in named
            self.checks.demand(fine, "fetched wrongly", f"{fetches} for {record}")

    # -- later ------------------------------------------------------------------------------

    def _ordered(self, core: Any, actions: list[Any]) -> None:
        """Agents hear of tasks that were cancelled after they had been sent."""
        now = self.checks.world.now
        for action in actions:
            if isinstance(action, act.UploadOrder):
                pilots = {pilot.name for pilot in core.fleet.pilots if pilot.retires}
                for task in [name for name in action.cancel if name and name not in pilots]:
                    ended = self.settled.get(task)  # as another did, whose value it was to take
                    fine = task in self.checks.unwanted or (ended is not None and ended.cancelled)
                    self.checks.demand(fine, "ordered for nothing", action)
                    self._unordered.pop(task, None)
        ready = core._works() and self._landed and not self.checks.struck
        for task, since in self._unordered.items() if ready else ():
            latest = since + SOON + 8 * self.checks.scenario.latency
            self.checks.demand(now <= latest, "not ordered", f"{task}, cancelled at {since:.1f} s")
            break  # the oldest
        if not ready:
            self._unordered = dict.fromkeys(self._unordered, now)

    def _noted(self, core: Any, event: Any, asked: Any, actions: list[Any]) -> None:
        if isinstance(event, ev.LogRead) and any(isinstance(r, ev.Up) for r in event.records):
            self._landed = True
        unheard = isinstance(asked, act.SubmitPilot) and isinstance(event, ev.Failed)
        if (unheard and event.kind == "passing") or (
            isinstance(event, ev.JobMade) and event.repeated
        ):
            self._ambiguous = True
        if isinstance(asked, act.CancelJob) and core.ending.stage != "open":
            self._uncancelled.pop(asked.job, None)
            pilot = core.fleet.of_job(asked.job)
            serves = self.checks.scenario.kinds and pilot is not None and pilot.phase == "up"
            if isinstance(event, ev.Failed) and not serves:  # of a lane that broke: it is not late
                self._uncancelled[asked.job] = None
        if isinstance(event, ev.Attached):
            self.sent.update(
                (info.id, attempt)
                for info, attempt in zip(event.tasks, event.attempts, strict=True)
            )
        elif isinstance(event, ev.InboxRead):  # an older client may have sent them again meanwhile
            for (info, *_), attempt in zip(event.tasks, event.attempts, strict=False):
                if info.id in self.sent:
                    self.sent[info.id] = max(attempt, self.sent[info.id])
        for action in actions:
            if isinstance(action, act.Encode):
                self.sent.update(action.tasks)
            elif isinstance(action, act.TellPending):
                self.sent.pop(action.task, None)
            elif isinstance(action, act.WriteClosed | act.RemoveDirectory):
                self._tidy(core, action)
            elif isinstance(action, act.TellRunning):
                self._ran[action.task] = None
            elif isinstance(action, act.Finish):
                taken = core.ending.inbox.taken  # by another client, which will remember it
                self.checks.demand(self._recorded or taken, "end not remembered", action)
            elif isinstance(action, act.RecordEnd):
                self._recorded = True
                fine = action.kept or self._tidied == "remove" or not self._landed
                fine = fine or (bool(self.checks.struck) and self._tidied != "keep")
                self.checks.demand(fine, "untrue", f"{action}, it was left to {self._tidied}")

    def _tidy(self, core: Any, action: Any) -> None:
        """What a late job would be told to remove, must not be wanted; nor is it, while it is used."""
        removes = isinstance(action, act.RemoveDirectory)
        self._tidied = "remove" if removes else action.word
        if self._tidied == "remove":
            self.checks.removed()
            late = (removes and self._ambiguous) or bool(self._uncancelled)
            self.checks.demand(not late, "removed before a late job", action)
        if removes and not self.checks.struck and core.ending.broken is None:
            jobs = self.checks.cluster.jobs  # those that were cancelled end by themselves
            used = [name for name in self._alive if _serves(jobs[name.partition(".")[0]])]
            fine = not used or core.ending.aborting
            self.checks.demand(fine, "removed under agents", used)
        if removes and core.ending.broken is not None and self._may_be_wanted(core):
            broken = [task for task in self._ran if self._broken(core, task)]
            self.checks.demand(not broken, "removed under tasks", f"{broken} may have ended")

    def _may_be_wanted(self, core: Any) -> bool:
        """Whether what tasks give that run while the run breaks is good: the place was.

        What somebody had removed took the outcomes with it; a late job may make the place anew.
        """
        place = core.ending.broken.error in {"ParityError", "InitializerFailed"}
        lost = ("directory_removed", "damaged_line")  # the latter: not one line of it was read
        taken = any(name in self.checks.struck for name in lost)
        return not place and not taken and self.checks.cluster.directory.exists

    def _broken(self, core: Any, task: str) -> bool:
        """Whether the task's only trouble is that the run broke while it ran."""
        note = self.settled.get(task)
        return bool(note and note.trouble == core.ending.broken)


def _serves(job: Any) -> bool:
    """Whether a job works, and goes on to."""
    return not job.doomed and not job.ended


KNOWN_WORDS: dict[type, tuple[str, tuple[Any, ...]]] = {
    act.ListFolder: ("folder", ("logs", "inbox")),
    act.ListLinks: ("folder", ("claims", "locks")),
    act.WriteClosed: ("word", ("keep", "remove")),
    act.Forget: ("what", ("verdict", "directory")),
    act.Say: ("level", ("info", "warning", "error")),
}
