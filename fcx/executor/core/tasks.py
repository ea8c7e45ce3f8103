"""What is owed: every task that has no outcome yet, where it lies, and what a failure costs it.

::

    submit ──> outbox ──> sent (in a bundle) ──> running ──> settling ──> settled
                 ^             │                    │
                 └── back ─────┴──── lost, tried again
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Iterable
from typing import Any

import msgspec

from .actions import Discard, Settle, TellPending, TellRunning
from .dependencies import CANCELLED, FAILED, VALUE, Dependencies
from .events import Finished, TaskInfo, Trouble
from .fates import Fate
from .pace import Pace
from .requests import Requests
from .unasked import Unasked

MOST_RETURNS = 20  # times a task may go back uncharged before something is called wrong


class Task(msgspec.Struct, gc=False):
    """One task without an outcome."""

    id: str  # its name in the run
    info: TaskInfo
    attempt: int = 0
    charged: int = 0  # infrastructure failures while it ran
    returned: int = 0  # times it went back without having run
    bundle: str = ""
    portion: int = -1
    place: tuple[str, int] = ("", 0)  # the incarnation that runs it, and its slot there
    first: bool = False  # it is its worker's first in that pilot
    awaits: str = ""  # its "outcome", which is on its way, or the "reason" why its worker ended
    spoilt: bool = False  # an outcome of it lies there, and could not be read as what it is
    asked: bool = True  # somebody waits for it in this process
    sought: bool = False  # an earlier process has sent it, and where it lies is not known yet
    runs: dict[int, tuple[str, str]] = {}  # by attempt: its job, and why it was not the last

    @property
    def unread(self) -> bool:
        """Whether an outcome of it may lie there that nobody has read."""
        return self.awaits == "outcome" or self.spoilt

    @property
    def agent(self) -> str:
        """The incarnation that runs it, empty where none is known to."""
        return self.place[0]


class Queue:
    """Tasks of one shape that wait to be sent, and how long those take that were."""

    def __init__(self) -> None:
        self.outbox: deque[Task] = deque()
        self.fresh: deque[Task] = deque()  # owed a whole time limit: first in a fresh pilot
        self.released: list[Task] = []  # of the outbox, those that were held until now
        self.pace = Pace()
        self.wanted = 0  # without an outcome, could run, and somebody waits for it

    def owe(self, task: Task, count: int = 1) -> None:
        """One more that somebody waits for; none, or one less."""
        self.wanted += count
        if count:
            self.pace.owe(task.info.function, count)

    def hand_over(self, task: Task, other: Queue) -> None:
        """It is that one's, should it wait here."""
        for mine, its in (self.outbox, other.outbox), (self.fresh, other.fresh):
            if any(each is task for each in mine):
                mine.remove(task)
                its.append(task)


class Tasks:
    """All tasks of a run that have no outcome."""

    def __init__(self, requests: Requests, retries: int) -> None:
        self.requests = requests
        self.retries = retries
        self.unfinished: dict[str, Task] = {}
        self.known: dict[str, None] = {}  # by id, where an earlier process had some: those and ours
        self.settling: dict[str, str] = {}  # handed to the caller's thread: how they ended
        self._failed: dict[str, str] = {}  # how, where it is not known yet who takes their values
        self.waiting: dict[str, Task] = {}  # for values of others, here or in the inbox
        self.held: dict[str, Task] = {}  # of these, those that may not leave yet
        self.dependencies = Dependencies(requests)
        self.called_back: list[str] = []  # lie in the inbox, and wait for what was cancelled
        self.queues: dict[int, Queue] = {0: Queue()}  # by shape
        self.pace = Pace()  # of all
        self._by_bundle: dict[str, dict[str, Task]] = {}
        self.unasked = Unasked()

    def add_queue(self, shape: int) -> Queue:
        """For tasks of one more shape."""
        return self.queues.setdefault(shape, Queue())

    def queue(self, task: Task) -> Queue:
        """That of its shape."""
        return self.queues[task.info.shape]

    # -- in ---------------------------------------------------------------------------------

    def enter(self, task: Task) -> None:
        """One without an outcome."""
        queue = self.queue(task)
        if not queue.wanted:
            queue.pace.begin(self.requests.now)
        self.unfinished[task.id] = task
        queue.owe(task, task.asked)

    def ask_for(self, task: Task, info: TaskInfo) -> None:
        """Somebody waits for one of an earlier process, as which it is ``info``."""
        self.recast(task, info)
        if not task.asked:
            task.asked = True
            self.queue(task).owe(task, task.id in self.unfinished)

    def recast(self, task: Task, info: TaskInfo) -> None:
        """More is known of it; what lies in a bundle is of that one's shape."""
        counts = task.asked and self.is_ready(task)
        before = self.queue(task)
        before.owe(task, -counts)
        task.info = info
        after = self.queue(task)
        after.owe(task, counts)
        if before is not after:  # it was lost before it was known whose it is
            before.hand_over(task, after)

    def add(self, infos: Iterable[TaskInfo]) -> list[Task]:
        """Take in new tasks."""
        if not self.unfinished:
            self.pace.begin(self.requests.now)
        added = [Task(info.id, info) for info in infos]
        for task in added:
            self.enter(task)
            if task.info.takes:
                self.depends(task)
                self._queue(task)
            else:
                self.queue(task).outbox.append(task)
        return added

    def depends(self, task: Task) -> None:
        """It may take the values of others: until these are known, it is not counted on."""
        if not task.info.takes:
            return
        for of in task.info.takes:
            # Where it was sent from, that had not failed; here it may have since.
            gone = self._failed.get(of, VALUE) if task.sought else FAILED
            ended = None if of in self.unfinished else gone
            self.dependencies.add(task.id, of, self.settling.get(of, ended))
        self._await(task)

    def _await(self, task: Task) -> None:
        """It may have to wait; or ends, where what it takes will never be."""
        if not task.info.takes:
            return
        if self.is_ready(task) and self.lacks(task):
            self.waiting[task.id] = task
            self.queue(task).owe(task, -task.asked)
        for of in task.info.takes:
            self._pass_on(of, self.dependencies.how(of))

    def leaves(self, task: Task) -> bool:
        """Whether it is owed, and not held."""
        return task.id in self.unfinished and task.id not in self.held

    def lacks(self, task: Task) -> tuple[str, ...]:
        """Tasks whose values it takes, and which have not given them.

        Of one that nobody has asked for, that is not known: an earlier process had them.
        """
        takes = task.info.takes
        return self.dependencies.lacking(takes) if takes and task.asked else ()

    def is_ready(self, task: Task) -> bool:
        """Whether it is owed, and waits for no value."""
        return task.id in self.unfinished and task.id not in self.waiting

    def renamed(self, of: str, to: str) -> None:
        """A task is known under another id now, to those that take its value, too."""
        for name in self.dependencies.rename(of, to):
            task = self.unfinished[name]
            takes = tuple(to if each == of else each for each in task.info.takes)
            task.info = msgspec.structs.replace(task.info, takes=takes)
            if task.bundle and not task.sought:  # what it waits for there will never come
                self._again(task)
                self._queue(task)

    def _queue(self, task: Task, *, fresh: bool = False) -> None:
        """It is to be sent, unless what it takes will never be."""
        self._await(task)
        if task.id not in self.unfinished:
            return
        queue = self.queue(task)
        lacks = self.lacks(task)
        unsent = [of for of in lacks if not self._lies_there(of)] if lacks else ()
        beside = not unsent or all(self._leaves_beside(of, task) for of in unsent)
        if fresh or beside:
            (queue.fresh if fresh else queue.outbox).append(task)
        else:
            self.held[task.id] = task

    def _lies_there(self, of: str) -> bool:
        """Whether it was sent: what becomes of it stands in a log, even if this client dies."""
        task = self.unfinished.get(of)
        return task is not None and (task.sought or bool(task.bundle))

    def _leaves_beside(self, of: str, taker: Task) -> bool:
        task = self.unfinished.get(of)
        same = task is not None and task.info.shape == taker.info.shape
        return same and of not in self.held

    def parted(self, tasks: Iterable[Task]) -> list[Task]:
        """Those that may leave together; what lacks another that does not is held."""
        leave: dict[str, Task] = {}
        for task in tasks:
            lacks = self.lacks(task) if task.info.takes else ()
            if not lacks or all(of in leave or self._lies_there(of) for of in lacks):
                leave[task.id] = task
            else:
                self.held[task.id] = task
        return list(leave.values())

    def _release(self, of: str) -> None:
        """It was sent, or has given its value: what was held for it may leave."""
        if not self.held:
            return
        for name in self.dependencies.takers(of):
            task = self.held.get(name)
            if task is not None and all(map(self._lies_there, self.lacks(task))):
                del self.held[name]
                self.queue(task).outbox.append(task)
                self.queue(task).released.append(task)

    def expect(
        self, infos: Iterable[TaskInfo], attempts: Iterable[int], *, by_key: bool = False
    ) -> None:
        """Tasks that an earlier process has sent; ``by_key``: nobody has asked for them yet."""
        self.pace.begin(self.requests.now)
        sent = zip(infos, attempts, strict=True)
        tasks = [
            Task(info.id, info, attempt, sought=True, asked=not by_key) for info, attempt in sent
        ]
        for task in tasks:
            self.enter(task)
            if by_key:
                self.unasked.add(task)
        for task in tasks if not by_key else ():
            self.depends(task)

    @property
    def wanted(self) -> int:
        """How many of those without an outcome somebody waits for."""
        return len(self.unfinished) - len(self.unasked.unfinished)

    def current(self, task: str, attempt: int) -> Task | None:
        """An unfinished task, if this is the attempt that counts."""
        found = self.unfinished.get(task)
        return found if found is not None and found.attempt == attempt else None

    # -- out --------------------------------------------------------------------------------

    def placed(self, task: Task, bundle: str, portion: int) -> None:
        """The task lies in this portion of a bundle."""
        self._leave_bundle(task)
        task.bundle, task.portion, task.sought = bundle, portion, False
        self._by_bundle.setdefault(bundle, {})[task.id] = task
        self._release(task.id)

    def in_bundle(self, bundle: str) -> list[Task]:
        """Tasks of a bundle of which nothing has come."""
        return [task for task in self._by_bundle.get(bundle, {}).values() if not task.awaits]

    def bundles(self, shape: int | None = None) -> list[str]:
        """Bundles in which unfinished tasks lie; of that shape, or all."""
        return [
            bundle
            for bundle, tasks in self._by_bundle.items()
            if shape is None or next(iter(tasks.values())).info.shape == shape
        ]

    def sent(self, kept: Container[str]) -> int:
        """How many lie in bundles that have left: all but those that are still ``kept``."""
        left = (tasks for bundle, tasks in self._by_bundle.items() if bundle not in kept)
        return sum(map(len, left))

    def in_portions(self, portions: Iterable[tuple[str, int]]) -> list[Task]:
        """Tasks in the given (bundle, portion) pairs of which nothing has come."""
        wanted = dict.fromkeys(portions)
        bundles = dict.fromkeys(bundle for bundle, _ in wanted)
        tasks = [task for bundle in bundles for task in self.in_bundle(bundle)]
        return [task for task in tasks if (task.bundle, task.portion) in wanted]

    def running(self, task: Task, agent: str, job: str, slot: int, *, first: bool) -> None:
        """A worker has begun it."""
        task.place, task.first = (agent, slot), first
        task.runs.setdefault(task.attempt, (job, ""))
        self.tell(task)

    def took(self, task: Task, seconds: float) -> None:
        """It has given its outcome after so long."""
        for pace in (self.pace, self.queue(task).pace):
            pace.note(task.info.function, seconds, self.requests.now)

    def tell(self, task: Task) -> None:
        """Somebody who waits for it may see that it runs."""
        if task.asked and task.agent and task.id in self.unfinished:
            self.requests.note(TellRunning(task.id, task.agent.partition(".")[0]))

    def ran_beside(self, task: str, attempt: int, job: str, how: str) -> None:
        """A worker had this attempt, too; it ended so, as far as is known."""
        found = self.unfinished.get(task)
        if found is not None:
            found.runs[attempt] = job, how

    # -- ends -------------------------------------------------------------------------------

    def settle(
        self,
        task: Task,
        trouble: Trouble | None = None,
        *,
        attempt: int = -1,
        job: str = "",
        value: bool = False,
        left: bool = False,
    ) -> None:
        """Its outcome is known, and the caller's thread takes it; ``value``: it ended well."""
        job = job or task.agent.partition(".")[0]
        if not self._drop(task):
            return
        if not task.asked:
            self.unasked.hold(task, trouble=trouble)
            return
        runs = tuple([(number, *run) for number, run in sorted(task.runs.items())])
        self._end(task, Settle(task.id, attempt, job, trouble, runs=runs, left=left), value=value)

    def _end(self, task: Task, note: Settle, *, value: bool = False) -> None:
        """It has its outcome, and so have those that wait for a value that will not come."""
        ended = CANCELLED if note.cancelled else VALUE if value else FAILED
        name = task.id
        self._settles(name, ended)
        self.requests.note(note)
        self.dependencies.over(name, task.info.takes)
        self._pass_on(name, ended)

    def _settles(self, name: str, how: str) -> None:
        self.settling[name] = how
        if self.known and how != VALUE:
            self._failed[name] = how

    def _pass_on(self, of: str, how: str | None) -> None:
        """Tasks that wait for the value of this one go out, or end as it did."""
        if not self.dependencies.is_taken(of):
            return
        ends = deque([(of, how)] if how else [])
        while ends:
            of, how = ends.popleft()
            for name in self.dependencies.end(of, how):
                task = self.waiting.get(name)
                if task is None:
                    continue
                if how != VALUE:
                    cancelled = how == CANCELLED
                    self.called_back += [name] if task.bundle and cancelled else []
                    self._drop(task)
                    self._settles(name, how)
                    self.requests.note(Settle(name, -1, cancelled=cancelled, like=of))
                    self.dependencies.over(name, task.info.takes)
                    ends.append((name, how))
                elif not self.lacks(task):
                    del self.waiting[name]
                    self.queue(task).owe(task, task.asked)
            self._release(of)

    def hold(self, task: Task, cursor: Any, record: Finished) -> None:
        """An outcome that nobody has asked for."""
        if self._drop(task):
            self.unasked.hold(task, cursor=cursor, record=record)

    def forget(self, task: Task) -> None:
        """An earlier process called it back, and nobody has asked for it since."""
        self._drop(task)
        self.dependencies.over(task.id, task.info.takes)
        self.unasked.take(task.id)

    def rejoin(self, task: Task) -> None:
        """It had ended without anybody waiting for it; somebody does now."""
        self.enter(task)

    def cancel(self, task: Task) -> None:
        """Nobody wants it any more."""
        if self._drop(task):
            self._end(task, Settle(task.id, -1, cancelled=True))

    def discard(self, task: str, attempt: int, job: str = "") -> None:
        """An outcome came that nobody waits for; ``job``: where it ran once too often."""
        self.requests.note(Discard(task, attempt, job))

    def _drop(self, task: Task) -> bool:
        self._leave_bundle(task)
        name = task.id
        known = self.unfinished.pop(name, None) is not None
        waited = self.waiting.pop(name, None) is not None
        self.held.pop(name, None)
        self.queue(task).owe(task, -(known and task.asked and not waited))
        return known

    def _leave_bundle(self, task: Task) -> None:
        of_bundle = self._by_bundle.get(task.bundle)
        if of_bundle is not None:
            of_bundle.pop(task.id, None)
            if not of_bundle:
                del self._by_bundle[task.bundle]

    def unqueue(self, tasks: Iterable[Task]) -> None:
        """They are not to be sent."""
        gone = {id(task): None for task in tasks}
        if gone:
            for queue in self.queues.values():
                queue.outbox = deque(task for task in queue.outbox if id(task) not in gone)

    # -- again ------------------------------------------------------------------------------

    def again(self, task: Task) -> None:
        """It failed with the infrastructure before somebody asked for it once more."""
        task.charged = task.returned = 0
        self._again(task)
        self._queue(task)

    def back(self, task: Task, *, counts: bool = True) -> None:
        """The task goes back untouched, uncharged; called wrong once that happens too often.

        ``counts``: nobody has asked for it.
        """
        task.returned += counts
        if task.returned > MOST_RETURNS:
            text = (
                f"{task.info.name} went back to the queue {MOST_RETURNS} times without running: "
                "its pilots end before they begin it. Look at the jobs' output in working_dir."
            )
            self.settle(task, Trouble("NodeFailed", text))
            return
        self._again(task)
        self._queue(task)

    def lost(self, task: Task, why: Fate, attempt: int = -1, job: str = "") -> None:
        """A task that was claimed is lost with its agent or worker: again, or its error.

        ``attempt`` names what it had written, where that is known; ``job``, where it ran.
        """
        job = job or task.agent.partition(".")[0]
        if not job and why.kind != "time":
            self.back(task)
            return
        task.runs[task.attempt] = job, why.trouble.message
        if why.kind == "time" and not task.first:
            task.returned += 1
            self._again(task)
            self._queue(task, fresh=True)  # it is owed a whole time limit
        elif why.kind == "preempted":  # no fault of the task, however often it comes
            self._again(task)
            self._queue(task)
        elif why.retried and task.charged < self.retries:
            task.charged += 1
            self._again(task)
            self._queue(task)
        else:
            self.settle(task, why.trouble, attempt=attempt)
            return
        text = f"{task.info.name} will run again: {why.trouble.message}"
        self.requests.say(text, "warning")

    def _again(self, task: Task) -> None:
        self._leave_bundle(task)
        task.attempt += 1
        task.bundle, task.portion = "", -1
        task.sought = task.sought and not task.info.size  # else we have its payload
        task.place, task.first = ("", 0), False
        if task.asked:
            self.requests.note(TellPending(task.id))
