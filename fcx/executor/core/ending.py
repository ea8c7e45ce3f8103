"""When a run is over, in which order it is left, and what may be deleted.

::

    open ──> waiting (for answers) ──> checking (whose it is) ──> cancelling ──> settling
                                            over <── recording <── tidying <──┘

Each stage begins when everything that the one before it asked for has been answered. An outcome
that the caller does not have is never deleted: what ends a run early leaves it open.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from . import fates
from .actions import (
    Broken,
    CancelJob,
    Finish,
    Hurry,
    ListFolder,
    MakeDirectory,
    RecordEnd,
    RemoveDirectory,
    WriteClosed,
)
from .events import Failed, FilesListed, JobsListed, Trouble
from .fleet import Fleet, job_of
from .inbox import Inbox
from .limits import Limits
from .requests import Requests, nothing
from .tasks import Tasks

REST = 2.0  # seconds without a task that ended, after which it is not known who still is up
STAGES = ("open", "waiting", "checking", "cancelling", "settling", "tidying", "recording", "over")
MAY_BE_TAKEN = 60.0  # seconds of a run after which another client may have found it


class Ending:
    """The end of a run."""

    def __init__(
        self, requests: Requests, limits: Limits, tasks: Tasks, inbox: Inbox, fleet: Fleet
    ) -> None:
        self.requests = requests
        self.limits = limits
        self.tasks = tasks
        self.inbox = inbox
        self.fleet = fleet
        self.stage = "open"
        self.broken: Trouble | None = None
        self.closing = False  # no more tasks will come
        self.aborting = False
        self.keep = limits.durable  # the directory holds what somebody may want
        # Outcomes may lie there that were never fetched; None: Slurm is asked who has begun by now.
        self.left_open: bool | None = False
        self.late = False  # a job may yet begin that could not be cancelled: it finds a word there

    # -- reasons ----------------------------------------------------------------------------

    def close(self, *, abort: bool) -> None:
        """The caller wants no more."""
        self.closing = True
        if abort and not self.aborting:
            self._abort()

    def break_run(self, trouble: Trouble) -> None:
        """The run cannot go on: every task gets the reason; where none is left, it is said."""
        if self.broken is not None or self.aborting:
            return
        if self.stage != "open":
            self.requests.say(trouble.message, "warning")
            return
        self.broken = trouble
        self.requests.note(Broken(trouble))
        self.requests.say(trouble.message.splitlines()[0], "error")
        sent = any(task.bundle or not task.info.size for task in self.tasks.unfinished.values())
        outage = trouble.error == "Unreachable"  # what Slurm last said is no news
        pilots = self.fleet.pilots
        unseen = any(p.may_be_about if outage else p.may_have_begun for p in pilots)
        began = (self.inbox.landed or unseen) and not self.inbox.taken
        if self.tasks.dependencies.unfetched and began:
            self._leave_open()
        elif sent and self._may_have_run(trouble):
            if began:
                self._leave_open()
            else:
                self.left_open = None
        if self.inbox.taken:
            self.left_open = True
        for task in [task for task in self.tasks.unfinished.values() if task.asked]:
            self.tasks.settle(task, trouble)
        self._abort()

    def _leave_open(self) -> None:
        self.keep = self.left_open = True
        self.requests.say(
            f"Run {self.limits.words.run} is left open: fcx.attach({self.limits.words.run!r}) "
            "collects what its pilots have finished, and what they may yet finish.",
            "warning",
        )

    def _may_have_run(self, trouble: Trouble) -> bool:
        """Whether outcomes may lie unfetched in the run directory."""
        if any(task.unread for task in self.tasks.unfinished.values()):
            return True
        if trouble.error not in fates.RUNS_NOTHING:
            return trouble.error != "RunLost"
        several = any(of.nodes > 1 or of.requeue for of in self.fleet.shapes.values())
        others = several or sum(bool(pilot.jobs()) for pilot in self.fleet.pilots) > 1
        serving = any(pilot.phase == "up" for pilot in self.fleet.pilots)
        return others or (serving and trouble.error == "ParityError")

    def _abort(self) -> None:
        self.aborting = True
        self.requests.note(Hurry())
        for task in [task for task in self.tasks.unfinished.values() if task.asked]:
            self.tasks.cancel(task)

    def keep_directory(self) -> None:
        """It holds what the caller may want."""
        self.keep = True

    def has_settled(self, tasks: Iterable[str], *, kept: bool) -> None:
        """The caller has outcomes."""
        for task in tasks:
            self.tasks.settling.pop(task, None)
        self.keep = self.keep or kept

    # -- stages -----------------------------------------------------------------------------

    def plan(self) -> None:
        """Go on to the next stage, as far as nothing is waited for."""
        while self._ready():
            self.stage = STAGES[STAGES.index(self.stage) + 1]
            self._enter(self.stage)

    def _ready(self) -> bool:
        if self.stage == "open":
            return self.aborting or (self.closing and not self.tasks.wanted)
        if self.stage == "over" or not self.requests.idle():
            return False
        return self.stage != "settling" or not self.tasks.settling

    def _enter(self, stage: str) -> None:
        if stage == "waiting":
            self.requests.leave()
        elif stage == "checking":
            self._check()
        elif stage == "cancelling":
            self._cancel_jobs()
        elif stage == "tidying":
            self._tidy()
        elif stage == "recording" and not self.inbox.taken:
            kept = self.keep or self.late  # the word must stay for as long as the job may come
            self.requests.ask(RecordEnd, kept, then=nothing, failed=nothing)
        elif stage == "over":
            self.requests.note(Finish())

    def _check(self) -> None:
        """Whether the run is still ours: what another client has taken over is left alone."""
        pilots = self.fleet.pilots
        old = bool(pilots) and self.requests.now - pilots[0].submitted >= MAY_BE_TAKEN
        if self.left_open is None and any(pilot.jobs() for pilot in pilots):
            self.fleet.states.ask(self._unless_one_began, pilots)
        if self.inbox.there and (self.limits.durable or self.inbox.epoch > 1 or old):
            self.requests.ask(ListFolder, "logs", then=self._checked, failed=nothing)

    def _unless_one_began(self, event: JobsListed) -> None:
        """Since Slurm was last heard: then outcomes may lie there."""
        jobs = {seen.job: seen for seen in event.jobs}
        states = [job_of(jobs, pilot) for pilot in self.fleet.pilots]
        if any(state is not None and state.state != "PENDING" for state in states):
            self._leave_open()

    def _checked(self, _action: Any, event: FilesListed) -> None:
        self.inbox.see_clients(name for name, _ in event.files)
        if self.inbox.taken and self.broken is None:
            taken = fates.run_taken(self.limits.words.run, self.inbox.newest)
            self.requests.say(taken.message, "warning")

    def _cancel_jobs(self) -> None:
        """All pilots that nobody waits for; idle ones that run end by themselves.

        No word tells those of a durable run that it is over, for it is not: they are cancelled.
        """
        live = [pilot for pilot in self.fleet.live() if pilot.jobs()]
        self._tell_unasked()
        if self.left_open or self.inbox.taken:
            return
        if self.aborting and live:
            text = f"Cancelling {len(live)} job(s) of run {self.limits.words.run}"
            self.requests.say(text, "warning")
        all_of_them = self.aborting or self.limits.durable
        unwanted = [p for p in live if all_of_them or p.pending or p.ambiguous]
        for job in [job for pilot in unwanted for job in pilot.jobs()]:
            self.requests.ask(CancelJob, job, then=nothing, failed=self._not_cancelled)

    def _tell_unasked(self) -> None:
        """Tasks that nobody has asked for again go on, in the pilots that there are."""
        unasked = self.tasks.unasked
        count = len(unasked.unfinished) + len(unasked.held)
        if not count:
            return
        self.left_open = self.left_open or (bool(unasked.unfinished) and not self.aborting)
        self.requests.say(
            f"{count} task(s) of run {self.limits.words.run} were not asked for again, "
            f"{len(unasked.unfinished)} of them without an outcome yet: they stay, and "
            f"`fcx runs show {self.limits.words.run}` lists them."
        )

    def _not_cancelled(self, action: CancelJob, event: Failed) -> None:
        self.late = True
        self._untidy(action, event)

    def _tidy(self) -> None:
        unseen = [pilot.name for pilot in self.fleet.pilots if pilot.ambiguous]
        self.late = self.late or bool(unseen)
        begun = self.inbox.there or self.inbox.begun
        may_be_there = begun or any(pilot.jobs() for pilot in self.fleet.pilots)
        if self.inbox.taken:
            return
        if self.left_open or self.limits.durable or not (may_be_there or self.late):
            return
        stays = self.keep or self.late
        if unseen:
            self._say_what_may_come(unseen)
        up = any(pilot.phase == "up" for pilot in self.fleet.pilots)
        if not stays and (self.aborting or not up):
            self.requests.ask(RemoveDirectory, then=nothing, failed=self._untidy)
            return
        write = partial(self._write_closed, "keep" if stays else "remove")
        if self.inbox.there:
            write(None, None)
        else:  # a job that begins late must find the word
            self.requests.ask(MakeDirectory, then=write, failed=self._untidy)

    def _say_what_may_come(self, pilots: list[str]) -> None:
        run = self.limits.words.run
        self.requests.say(
            f"No answer told the job of {', '.join(pilots)}: should it yet begin, it finds that "
            f"run {run} is over. `fcx runs clean {run}` removes the directory later."
        )

    def _write_closed(self, word: str, _action: Any, _event: Any) -> None:
        then = self._who_removes if word == "remove" else nothing
        self.requests.ask(WriteClosed, word, then=then, failed=self._untidy)

    def _who_removes(self, _action: Any, _event: Any) -> None:
        """The pilots that are up, when they end; after a long rest they may have ended before."""
        if self.tasks.pace.quiet(self.requests.now) >= REST:
            up = [pilot for pilot in self.fleet.pilots if pilot.phase == "up"]
            self.fleet.states.ask(self._unless_one_lives, up)

    def _unless_one_lives(self, event: JobsListed) -> None:
        jobs = {seen.job: seen for seen in event.jobs}
        up = [pilot for pilot in self.fleet.pilots if pilot.phase == "up"]
        if all(fates.ended(job_of(jobs, pilot)) for pilot in up):
            self.requests.ask(RemoveDirectory, then=nothing, failed=self._untidy)

    def _untidy(self, _action: Any, event: Failed) -> None:
        """The results are safe; the rest is a warning, and the run is remembered for who cleans."""
        if event.kind == "missing":
            return
        run = self.limits.words.run
        text = f"Run {run} was not tidied up: {event.trouble.message}"
        if not self.limits.durable:
            text += f" `fcx runs clean {run}` removes what it has left."
        self.requests.say(text, "warning")
        self.keep = True
