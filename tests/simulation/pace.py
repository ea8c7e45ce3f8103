"""Requests of one life of the client: ids, twins, and their rhythm (``economy.py``)."""

from __future__ import annotations

from typing import Any

from fcx.executor.core import actions as act
from fcx.executor.core import events as ev

from .cluster import ENDED
from .economy import Allowance, Listings, Repeats, Rhythm, is_look
from .invariants import Checks

UNLISTED = frozenset(("long_hidden_job", "forgotten_job", "listing_without_job", "empty_listing"))
GHOSTS = frozenset(
    ("ghost_submit", "repeated_submit", "lost_answer")
)  # jobs that run under two ids
STUCK = ("PartitionTimeLimit", "PartitionConfig")  # reasons of jobs that never begin
ONE_AT_A_TIME = (act.ListFolder, act.ListJobs, act.UploadOrder, act.ReadInbox)
ONCE = (act.Prepare, act.UploadInitializer, act.UploadArchive, act.JudgeRequirements)


class Pace:
    """Every request and errand, and the answers."""

    def __init__(self, checks: Checks, session: Any) -> None:
        self.checks = checks
        self.session = session
        self.repeats = Repeats(checks)
        self._rhythm = Rhythm(checks)
        self._allowance = Allowance()
        self._listings = Listings(checks)
        self._ids: dict[int, Any] = {}  # all that were ever asked
        self._awaited: dict[int, Any] = {}
        self._done: dict[Any, None] = {}  # what need not be done again
        self._learnt = 0  # the last time that something had drifted: verdicts are asked for anew
        self._there = False  # the run directory, as far as is known
        self._ended = False  # an agent or a pilot, as far as is known
        self._waits = ""  # a job of which Slurm has just said so
        self._in_parts = False  # something large has not come through the staging area

    def told(self, event: Any, core: Any, now: float) -> Any:
        """An answer, perhaps: the action that it answers."""
        if isinstance(event, ev.Allowed):
            self._allowance.told(event, now)
        if not isinstance(event, ev.Answer):
            self._rhythm.told(event, None, core)
            return None
        asked = self._awaited.pop(event.action, None)
        state = event.state if isinstance(event, ev.JobAnswered) else None
        self._waits = state.job if state is not None and state.state == "PENDING" else ""
        anew = isinstance(asked, act.JudgeRequirements) and asked.id < self._learnt
        anew = anew or (isinstance(event, ev.RequirementsJudged) and event.trouble is not None)
        if not isinstance(event, ev.Failed) and isinstance(asked, ONCE) and not anew:
            self._done[_what(asked)] = None
        self._known(event, asked)
        self._staged(event, asked, now)
        self.repeats.told(event, asked, now)
        self._listings.told(event, asked, now)
        self._rhythm.told(event, asked, core)
        return asked

    def _known(self, event: Any, asked: Any) -> None:
        """What an answer tells of the directory and of ends."""
        if isinstance(event, ev.LogRead):
            kinds = {type(record) for record in event.records}
            self._there = self._there or ev.Up in kinds
            self._ended = self._ended or ev.Left in kinds
        elif isinstance(event, ev.InboxRead):
            self._there = self._ended = True  # whatever an earlier life knew
        elif isinstance(asked, act.ReadInbox):
            self._ended = True  # its pilots may have
        elif isinstance(event, ev.FilesListed):
            names = [name.split(".") for name, _ in event.files]
            again = any(len(parts) == 4 and parts[1] != "0" for parts in names)  # another life
            self._ended = self._ended or again or any(parts[-1] == "exit" for parts in names)
        elif isinstance(event, ev.JobsListed):
            self._ended = self._ended or any(job.state in ENDED for job in event.jobs)

    def _staged(self, event: Any, asked: Any, now: float) -> None:
        """What has not come through the staging area has come in parts, which were many requests."""
        if isinstance(event, ev.Fetched | ev.Uploaded) and asked.external is not None:
            damaged = isinstance(event, ev.Fetched) and not event.whole
            self._in_parts = self._in_parts or damaged or event.parts is not None
            if isinstance(event, ev.Fetched) and event.parts is not None:
                self._allowance.in_parts(asked.parts, now)

    def _needed(self, action: Any) -> None:
        """No directory is made where an agent works; claims matter once something has ended."""
        staged = isinstance(action, act.Fetch | act.UploadArchive) and action.external is not None
        self.checks.demand(not (staged and self._in_parts), "tried once more", action)
        again = isinstance(action, act.MakeDirectory) and self._there
        again = again and "directory_removed" not in self.checks.struck
        self.checks.demand(not again, "made again", action)
        claims = isinstance(action, act.ListLinks) and not self._ended
        missing = self.checks.struck.keys() & UNLISTED
        self.checks.demand(not claims or bool(missing), "listed for nothing", action)
        if isinstance(action, act.CancelJob) and self.session.open:
            looks = [other for other in self._awaited.values() if is_look(other)]
            stuck = self.checks.cluster.jobs[action.job].reason in STUCK
            stuck = stuck or action.job == self._waits
            fine = not looks or stuck or bool(self.checks.struck.keys() & GHOSTS)
            fine = fine or bool(self.session.causes.lanes)  # whose pilots are ended at once
            self.checks.demand(fine, "cancelled during a look", f"{action}: {looks}")

    def asked(self, action: Any, event: Any, now: float) -> None:
        """A request or an errand goes out."""
        demand = self.checks.demand
        if action.id not in self._ids:
            self._needed(action)
        if isinstance(action, act.Learn):
            self._learnt = action.id
            verdicts = [done for done in self._done if done[0] == act.JudgeRequirements.__name__]
            for done in verdicts:
                del self._done[done]
        known = self._ids.setdefault(action.id, action)
        fresh = action.id not in self._awaited
        demand(known == action and fresh, "id used twice", action)
        removed = "directory_removed" in self.checks.struck  # then it may be brought once more
        removed = removed or bool(self.checks.scenario.kinds)  # two lanes may bring it at once
        demand(removed or _what(action) not in self._done, "done already", action)
        for other in self._awaited.values():
            if _twins(other, action):
                demand(False, "asked beside itself", f"{action} beside {other}")
        self._awaited[action.id] = action
        leaving = self.session.causes.leaving
        self.repeats.asked(action, now, leaving)
        ends = self.session.broken is not None or not self.session.open
        self._listings.asked(action, event, now, ends=ends)
        self._rhythm.asked(action, event, now, self._allowance.paid())
        self._allowance.spend(action, now)

    def after(self, core: Any, now: float) -> None:
        """Nobody waits too long for a look, or for ever for the server."""
        self.repeats.after(now)
        looks = any(is_look(self._ids[action]) for action in self.repeats.waiting)
        excused = looks or "laptop_sleeps" in self.checks.struck  # no other failure holds them up
        self._rhythm.after(core, now, self._allowance, excused=excused)

    def finish(self) -> None:
        """Nothing may be awaited."""
        self.checks.demand(not self._awaited, "finished too early", self._awaited)


def _what(action: Any) -> Any:
    """What an action is about, its id aside."""
    if not isinstance(action, ONCE):
        return action.id
    rest = getattr(action, "archive", "") or getattr(action, "requirements", "")
    return type(action).__name__, rest


def _twins(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, act.ReadLog):
        return (one.log, one.segment, one.offset) == (other.log, other.segment, other.offset)
    again = isinstance(one, act.ListFolder) and one.folder == "inbox"  # of audit and inquest
    return isinstance(one, ONE_AT_A_TIME) and _folder(one) == _folder(other) and not again


def _folder(action: Any) -> str:
    return str(getattr(action, "folder", ""))
