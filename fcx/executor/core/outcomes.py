"""What the records of the agents' logs mean for tasks and pilots."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ...protocol.parts import PART
from . import fates
from .actions import Fetch, Forget
from .audit import Audit
from .cuts import Cuts
from .events import (
    AnyRecord,
    Died,
    Drifted,
    Failed,
    Fetched,
    Finished,
    HandedBack,
    InitializerDied,
    Left,
    Refused,
    Running,
    Trouble,
    Up,
)
from .fates import Fate
from .fleet import Pilot
from .inquest import Inquest
from .lanes import Lane, Lanes
from .limits import Limits
from .logs import Cursor
from .tasks import Task, Tasks

CUT = 10.0  # seconds left of a job when SIGTERM means its time limit
SIGTERM = 15

FETCHES = 3  # of a result that does not look like what was written, before it is given up
SERVING = (Running, Finished, Died, HandedBack, Drifted, Left)  # records of an agent that came up


class Outcomes:
    """The sink of all records."""

    def __init__(
        self,
        limits: Limits,
        tasks: Tasks,
        lanes: Lanes,
        inquest: Inquest,
        audit: Audit,
        cuts: Cuts,
    ) -> None:
        self.requests = tasks.requests
        self.limits = limits
        self.tasks = tasks
        self.lanes = lanes
        self.inquest = inquest
        self.audit = audit
        self.cuts = cuts
        self.fleet = inquest.fleet
        self.inbox = inquest.inbox
        self.strays: dict[str, tuple[Cursor, Finished]] = {}  # of an attached run, by task
        self._meanings: dict[type, Callable[[Cursor, Any], None]] = {
            Up: self._up,
            Running: self._running,
            Finished: self._finished,
            Died: self._died,
            HandedBack: self._handed_back,
            Drifted: self._drifted,
            Refused: self._refused,
            InitializerDied: self._initializer_died,
            Left: self._left,
        }

    def on_record(self, cursor: Cursor, record: AnyRecord) -> None:
        """One record, in its log's order."""
        if not cursor.up and isinstance(record, SERVING):
            self._serves(cursor)
        meaning = self._meanings.get(type(record))
        if meaning is not None:
            meaning(cursor, record)

    def on_silence(self, cursor: Cursor, how: str) -> None:
        """An agent has ended without a word of its own."""
        self.inquest.agent(self, cursor, how)

    # -- agents -----------------------------------------------------------------------------

    def _up(self, cursor: Cursor, record: Up) -> None:
        pilot = self.fleet.named(record.pilot)
        if pilot is None:  # of an earlier process, whose journal does not have it
            pilot = self.fleet.adopt([(record.pilot, cursor.incarnation.job)])[0]
        self._came_up(cursor, pilot)
        if not (self.fleet.past(pilot) and fates.ended(pilot.heard.state)):
            self.requests.say(f"Job {cursor.incarnation.job} runs on {record.node}")
        if record.probe:
            self.lanes.of(pilot.shape).gate.judge_place(record.probe)

    def _serves(self, cursor: Cursor) -> None:
        """Its first line was damaged, and left out; this one says as much."""
        cursor.up = True
        pilot = self.fleet.of_agent(cursor.name)
        if pilot is not None:
            self._came_up(cursor, pilot)

    def _came_up(self, cursor: Cursor, pilot: Pilot) -> None:
        lane = self.lanes.of(pilot.shape)
        if not pilot.agents and pilot.name not in self.fleet.earlier:
            lane.began(pilot)
        pilot.agents[cursor.name] = None
        if pilot.live:
            pilot.phase = "up"
        lane.crew.barren.over()
        self.inbox.agent_up(pilot.bundles, pilot.brings.archives, opened=pilot.brings.opened)

    def _refused(self, cursor: Cursor, record: Refused) -> None:
        """Its workers have unpickled nothing; it may not even have come to say that it is up."""
        self.inbox.landed = True
        pilot = self.fleet.of_agent(cursor.name)
        if pilot is not None:
            pilot.phase = "ended"
        lane = self._lane(cursor)
        self.requests.note(Forget("verdict", lane.shape))
        self.lanes.give_up(lane.shape, record.trouble)

    def _lane(self, cursor: Cursor) -> Lane:
        """That of an agent; of one whose pilot nobody knows, the executor's own."""
        pilot = self.fleet.of_agent(cursor.name)
        return self.lanes.of(pilot.shape if pilot is not None else 0)

    def _initializer_died(self, cursor: Cursor, record: InitializerDied) -> None:
        what = "The initializer failed in a worker" if self.limits.initializer else "Workers fail"
        text = f"{what}, so no task can run:\n{record.text}"
        self.lanes.give_up(self._lane(cursor).shape, Trouble("InitializerFailed", text))

    def _left(self, cursor: Cursor, record: Left) -> None:
        """An agent has left by itself. What it held has outcomes or went back."""
        if record.why == "idle":
            self.audit.left_idle(self._lane(cursor).shape)
        pilot = self.fleet.of_agent(cursor.name)
        restarts = record.why == "signal" and self._lane(cursor).limits.requeue
        if pilot is not None and not restarts:
            self.inquest.maybe_over(pilot)

    # -- tasks ------------------------------------------------------------------------------

    def _running(self, cursor: Cursor, record: Running) -> None:
        job = cursor.incarnation.job
        task = self.tasks.current(record.task, record.attempt)
        if task is not None:
            self._shape_shows(cursor, task)
            self.tasks.running(task, cursor.name, job, record.slot, first=record.first)
        else:
            self.tasks.ran_beside(record.task, record.attempt, job, "")

    def _shape_shows(self, cursor: Cursor, task: Task) -> None:
        """A pilot of another machine's is of the shape whose tasks it runs."""
        pilot = self.fleet.of_agent(cursor.name)
        if pilot is not None and pilot.name in self.fleet.earlier and task.bundle:
            pilot.shape = task.info.shape

    def _finished(self, cursor: Cursor, record: Finished) -> None:
        """An outcome of any attempt will do: the first that comes counts."""
        task = self.tasks.unfinished.get(record.task)
        if task is None and self._may_be_found(record):
            self.strays[record.task] = cursor, record
        elif task is None:
            self.tasks.discard(record.task, record.attempt, cursor.incarnation.job)
        elif not task.asked:
            self.tasks.hold(task, cursor, record)
        elif not record.whole:
            self._not_whole(task.info.name, record.task, record.attempt)
        elif record.parts and record.value and self.tasks.dependencies.stays(record.task):
            self._settle(cursor, record, left=True)
        elif record.parts:
            self._fetch(cursor, record, partial(self._fetched, FETCHES - 1))
        else:
            self._settle(cursor, record)

    def _may_be_found(self, record: Finished) -> bool:
        """Whether the inbox may yet tell of this task: a pilot that no journal has brought it."""
        return self.inquest.logs.listed_only and record.task not in self.tasks.known

    def found(self, task: str) -> None:
        """The inbox has told of it: its outcome may have come before."""
        if task in self.strays:
            self.on_record(*self.strays.pop(task))

    def _settle(self, cursor: Cursor, record: Finished, *, left: bool = False) -> None:
        task = self.tasks.unfinished[record.task]
        task.runs[record.attempt] = cursor.incarnation.job, ""
        self.tasks.took(task, record.seconds)
        job = cursor.incarnation.job
        self.tasks.settle(task, attempt=record.attempt, job=job, value=record.value, left=left)

    def _fetch(self, cursor: Cursor, record: Finished | Died, then: Any) -> None:
        self.tasks.unfinished[record.task].awaits = "outcome"
        self.requests.ask(
            Fetch,
            record.task,
            record.attempt,
            record.parts,
            self.inbox.transfers.of(record.parts * PART),
            then=partial(self._came, cursor, record, then),
            failed=partial(self._not_fetched, cursor, record, then),
        )

    def _came(
        self, cursor: Cursor, record: Finished | Died, then: Any, action: Fetch, event: Fetched
    ) -> None:
        self.inbox.transfers.heard(action, event)
        then(cursor, record, action, event)

    def _fetched(
        self, left: int, cursor: Cursor, record: Finished, _action: Any, event: Fetched
    ) -> None:
        """``left``: how often it is fetched once more, if what came is not what was written."""
        task = self.tasks.unfinished.get(record.task)
        if task is None:
            self.tasks.discard(record.task, record.attempt)
            return
        task.awaits = ""
        if event.whole:
            self._settle(cursor, record)
        elif left:
            self._fetch(cursor, record, partial(self._fetched, left - 1))
        else:
            self._damaged(task, cursor, record)

    def _damaged(self, task: Task, cursor: Cursor, record: Finished) -> None:
        """Its result cannot be had: the task runs again, as after any other loss."""
        self.tasks.discard(record.task, record.attempt)
        if task.attempt == record.attempt:
            text = (
                f"The result of {task.info.name} in {self.inbox.directory} is damaged, or not of "
                "this run: it was not loaded"
            )
            why = Fate("failed", Trouble("ResultError", text))
            task.spoilt = True
            self.tasks.lost(task, why, job=cursor.incarnation.job)

    def _not_whole(self, name: str, task: str, attempt: int) -> None:
        self.requests.say(f"An outcome of {name} is not of this run: it was not loaded", "warning")
        self.tasks.discard(task, attempt)

    def _not_fetched(
        self, _cursor: Cursor, record: Finished | Died, _then: Any, _action: Any, event: Failed
    ) -> None:
        """The result is lost with its file: the task has that as its outcome."""
        task = self.tasks.unfinished.get(record.task)
        if task is not None:
            text = (
                f"{task.info.name} has ended, but its result could not be fetched: "
                f"{event.trouble.message}"
            )
            self.tasks.settle(task, Trouble("ResultError", text, event.trouble.ref))

    def _died(self, cursor: Cursor, record: Died) -> None:
        """The worker ended before its task did: say how, or run it again."""
        task = self.tasks.current(record.task, record.attempt)
        job = cursor.incarnation.job
        self.tasks.ran_beside(record.task, record.attempt, job, record.text)
        if task is None:
            self.tasks.discard(record.task, record.attempt)
            return
        task.place, task.first = (cursor.name, task.place[1]), record.first
        pilot = self.fleet.of_agent(cursor.name)
        told = record.outside and record.signal == SIGTERM  # SIGKILL its agent would have had, too
        if told and pilot is not None and not pilot.live:
            self.tasks.back(task)  # we cancelled it as surplus while it began
            return
        why = self._why(cursor, record)
        lost = partial(self._lost, cursor, record)
        if told and why.kind != "time":
            self.cuts.hold(self, cursor, (record.task, record.attempt), why, lost)
        else:
            lost(why)

    def _lost(self, cursor: Cursor, record: Died, why: Fate) -> None:
        """What it had written by then is fetched first, where it lies in files."""
        if record.parts:
            self._fetch(cursor, record, partial(self._died_fetched, why))
        else:
            self.tasks.lost(self.tasks.unfinished[record.task], why, record.attempt)

    def _died_fetched(
        self, why: Fate, _cursor: Cursor, record: Died, _action: Any, _event: Fetched
    ) -> None:
        task = self.tasks.current(record.task, record.attempt)
        if task is not None:
            task.awaits = ""
            self.tasks.lost(task, why, record.attempt)

    def _why(self, cursor: Cursor, record: Died) -> Fate:
        job = cursor.incarnation.job
        task = self.tasks.unfinished[record.task]
        told = f"The worker of {task.info.name} in job {job} {record.text}."
        if record.late:
            fix = "Give it a longer one, or none: the time limit of its job counts in any case."
            return Fate("own", Trouble("TimeLimitExceeded", f"{told} {fix}"))
        if record.signal == SIGTERM and record.left is not None and record.left < CUT:
            return fates.time_limit(job)
        if record.memory:
            text = f"{told} Ask for more with --mem, or use less."
            return Fate("memory", Trouble("OutOfMemory", text))
        if record.outside:
            text = f"{told} It was tried {task.charged + 1} times."
            return Fate("failed", Trouble("WorkerDied", text))
        return Fate("own", Trouble("WorkerDied", told))

    def _handed_back(self, cursor: Cursor, record: HandedBack) -> None:
        pilot = self.fleet.of_agent(cursor.name)
        self._back(record.tasks, counts=pilot is None or not pilot.retires)

    def _drifted(self, cursor: Cursor, record: Drifted) -> None:
        """They are judged anew; one that passes goes out again."""
        if self._back(record.tasks):
            self._lane(cursor).gate.drifted(record.drift)

    def _back(self, tasks: tuple[tuple[str, int], ...], *, counts: bool = True) -> bool:
        """They have not begun; whether any of them is still owed."""
        found = [self.tasks.current(name, attempt) for name, attempt in tasks]
        owed = [task for task in found if task is not None]
        for task in owed:
            self.tasks.back(task, counts=counts)
        return bool(owed)
