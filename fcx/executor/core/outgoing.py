"""Which tasks of one shape leave when, in which bundle and by which way."""

from __future__ import annotations

from functools import partial
from itertools import groupby, islice
from typing import Any

from ...protocol.packing import portion_sizes
from .actions import Encode, RecordTasks
from .crew import INLINE_BUNDLE, Crew
from .events import Encoded
from .inbox import Bundle
from .numbers import Numbers
from .tasks import Queue, Task, Tasks

WINDOW = 0.003  # seconds without a new task after which a bundle leaves;
STREAM = 0.012  # while they keep coming, who hands them over rests in between for a moment
LONGEST_WINDOW = 1.0  # seconds for which a bundle may gather while tasks keep coming
PAUSE = 0.25  # seconds without a task after which those that come are another stream
SAVING_WINDOW = 2.0  # seconds for which it gathers while requests must be saved
BUNDLE = 64 << 20  # bytes of payload in one bundle
HEAD = 16 << 10  # bytes for what a script brings beside payload and modules, at most


class Window:
    """How long tasks gather before a bundle leaves: longer while they keep coming."""

    def __init__(self) -> None:
        self.first = 0.0  # when the first of those that gather came
        self.last = float("-inf")
        self._quiet = WINDOW
        self._longest = WINDOW * 8

    def arrival(self, now: float, *, first: bool) -> None:
        """Tasks have come; ``first``: none were gathering."""
        since, self.last = now - self.last, now
        self._quiet = STREAM if since < STREAM else WINDOW
        if since >= PAUSE:
            self._longest = WINDOW * 8
        if first:
            self.first = now

    def over(self, now: float, *, saving: bool) -> bool:
        """Whether what has gathered should leave; ``saving``: it had better leave together."""
        return now >= self.end(saving=saving)

    def leave(self, now: float) -> None:
        """A bundle leaves; the next may gather longer if tasks keep coming."""
        if now - self.last < self._quiet:
            self._longest = min(LONGEST_WINDOW, self._longest * 2)

    def end(self, *, saving: bool) -> float:
        """When it will be over if nothing more comes."""
        if saving:
            return self.first + SAVING_WINDOW
        return min(self.last + self._quiet, self.first + self._longest)


class Outgoing:
    """Bundles of tasks, one at a time; those that are owed a whole time limit go first."""

    def __init__(self, tasks: Tasks, queue: Queue, crew: Crew, numbers: Numbers) -> None:
        self.requests = tasks.requests
        self.limits = crew.limits
        self.tasks = tasks
        self.queue = queue
        self.gate = crew.gate
        self.inbox = numbers.inbox
        self.crew = crew
        self.numbers = numbers
        self.window = Window()
        self.busy = False  # a bundle is on its way
        self.landed = False  # one has been uploaded: the go for pilots without a verdict

    def arrival(self, tasks: list[Task]) -> None:
        """New tasks have come."""
        outbox = self.queue.outbox
        earlier = islice(outbox, len(outbox) - len(tasks))
        self.window.arrival(self.requests.now, first=not any(map(self._gathers, earlier)))
        for task in tasks:
            self.gate.look_at(task)

    def _gathers(self, task: Task) -> bool:
        """Whether it is there to leave: not settled since, nor one whose payload we lack."""
        return task.id in self.tasks.unfinished and task.asked and task.info.size > 0

    def unsent(self) -> bool:
        """Whether tasks wait that will ride in the first pilot's script, and none lie there yet."""
        waits = self.busy or any(task.asked for task in self.queue.outbox)
        return self.limits.inline and waits and not self._lie_there()

    def _lie_there(self) -> bool:
        """Whether there is work for a pilot without any that would ride with it."""
        bundles, kept = self.tasks.bundles(self.crew.shape), self.inbox.kept
        return any(bundle not in kept for bundle in bundles)

    def _rides(self) -> bool:
        """Whether a bundle may ride with a pilot that is to come."""
        alone = self.limits.inline and not self.crew.live() and not self.crew.holds_off()
        return alone and self.crew.room > 0

    def plan(self) -> None:
        """Send what is due; some of it may have been held until now."""
        if self.queue.released:
            self.arrival(self.queue.released)
            self.queue.released.clear()
        if self.busy or not self.gate.open or self._no_pilot_yet():
            return
        if self.queue.fresh and not self.crew.holds_off():
            self._send(self._take_fresh(), self.crew.take_name())
        elif self.queue.outbox and self.window.over(self.requests.now, saving=self._saving()):
            tasks = self._take()
            if tasks:
                self.window.leave(self.requests.now)
            self._send(tasks)

    def due(self) -> float | None:
        """When a bundle should leave."""
        waits = self.busy or not self.gate.open or self.gate.asking or self._no_pilot_yet()
        if waits or not any(task.asked and task.info.size for task in self.queue.outbox):
            return None
        return self.window.end(saving=self._saving())

    def _no_pilot_yet(self) -> bool:
        """Whether the next bundle would ride with a pilot that must wait, or is not needed yet."""
        alone = self.limits.inline and not self.crew.live()
        return alone and (self.crew.holds_off() or not self.crew.room or not self.queue.wanted)

    def _saving(self) -> bool:
        return self.requests.budget.short(self.requests.now)

    def _take(self) -> list[Task]:
        """Tasks for the next bundle; those that were cancelled meanwhile are dropped.

        What would be too large to ride is parted: the first pilot need not wait for the rest.
        """
        taken: list[Task] = []
        held: list[Task] = []
        size, outbox = 0, self.queue.outbox
        most = self._most(outbox[0]) if outbox else 0
        while outbox and (not taken or size + outbox[0].info.size <= most):
            task = outbox.popleft()
            if task.id not in self.tasks.unfinished:
                continue
            ready = task.asked and task.info.size  # else its payload is in the inbox
            if ready and self.gate.lets_out(task):
                taken.append(task)
                size += task.info.size
            else:
                self.gate.look_at(task)
                held.append(task)
        outbox.extendleft(reversed(held))
        return self.tasks.parted(taken)

    def _most(self, first: Task) -> int:
        """Bytes of payload in the bundle that this task begins.

        What takes values of others is not parted from them: another process that finds it in the
        inbox would not know of those that only a script has.
        """
        if self._rides() and not any(task.info.takes for task in self.queue.outbox):
            archives = self.inbox.missing(first.info.archives)
            room = INLINE_BUNDLE - HEAD - sum(size for _, size in archives)
            if first.info.size <= room:
                return room
        return BUNDLE

    def _take_fresh(self) -> list[Task]:
        """As many as one pilot has workers."""
        taken: list[Task] = []
        held: list[Task] = []
        while self.queue.fresh and len(taken) < self.crew.each:
            task = self.queue.fresh.popleft()
            if task.id not in self.tasks.unfinished:
                continue
            if not (task.asked and task.info.size):
                self.queue.outbox.append(task)
            elif self.gate.lets_out(task):
                taken.append(task)
            else:
                self.gate.look_at(task)
                held.append(task)
        self.queue.fresh.extendleft(reversed(held))
        return taken

    def _send(self, tasks: list[Task], pilot: str = "") -> None:
        if not tasks:
            return
        self.busy = True
        # Remembered first: whoever collects the run must know what was sent.
        sent = tuple([(task.id, task.attempt) for task in tasks])
        encode = partial(self._encode, tasks, pilot)
        self.requests.ask(RecordTasks, sent, then=encode, failed=encode)

    def _encode(self, given: list[Task], pilot: str, _action: Any, _event: Any) -> None:
        tasks: list[Task] = []
        drifted: list[Task] = []
        for task in given:
            if task.id in self.tasks.unfinished:
                (tasks if self.gate.lets_out(task) else drifted).append(task)
        tasks = self.tasks.parted(tasks)
        queue = self.queue.fresh if pilot else self.queue.outbox
        queue.extendleft(reversed(drifted))
        if not tasks:
            self._sent()
            return
        archives = dict(archive for task in tasks for archive in task.info.archives)
        bundle = Bundle(self.numbers.bundle(), tuple(archives.items()), pilot=pilot)
        tasks, sizes = self._portions(tasks, alone=bool(pilot))
        takers = [task for task in tasks if task.info.takes]
        self._place(tasks, bundle, sizes)
        self.inbox.keep(bundle)
        self.requests.ask(
            Encode,
            bundle.name,
            tuple([(task.id, task.attempt) for task in tasks]),
            tuple(sizes),
            pilot,
            tuple(self.tasks.pace.longest.items()),
            _runs_of(tasks),
            self.crew.shape,
            tuple((task.id, lacks) for task in takers if (lacks := self.tasks.lacks(task))),
            then=partial(self._encoded, bundle),
        )

    def _portions(self, tasks: list[Task], *, alone: bool) -> tuple[list[Task], list[int]]:
        """In their order in the bundle, and the sizes of its portions.

        What waits is in portions of its own, with what waits for the same: a portion with what it
        waits for in it would never be claimed.
        """
        if alone:
            return tasks, [1] * len(tasks)
        groups = [len(tasks)]
        if any(task.info.takes for task in tasks):
            tasks = sorted(tasks, key=lambda task: bool(self.tasks.lacks(task)))
            groups = [len(list(each)) for _, each in groupby(tasks, self.tasks.lacks)]
        most, beside = self.limits.max_workers, max(self.limits.workers())
        return tasks, [size for count in groups for size in portion_sizes(count, most, beside)]

    def _place(self, tasks: list[Task], bundle: Bundle, sizes: list[int]) -> None:
        at = 0
        for portion, size in enumerate(sizes):
            for task in tasks[at : at + size]:
                self.tasks.placed(task, bundle.name, portion)
            at += size

    def _encoded(self, bundle: Bundle, _action: Any, event: Encoded) -> None:
        bundle.size = event.size
        if self.requests.leaving:
            self._sent()
            return
        if bundle.pilot:
            self.crew.launch_reserved(bundle)
            self._sent()
            return
        archives = self.inbox.missing(bundle.archives)
        size = bundle.size + sum(size for _, size in archives)
        if self._rides() and size < INLINE_BUNDLE:
            self.crew.launch(1, [bundle], archives)
            self._sent()
        else:
            self.inbox.upload([bundle], archives, self._uploaded)

    def _uploaded(self) -> None:
        self.landed = True
        self._sent()

    def _sent(self) -> None:
        self.busy = False


def _runs_of(tasks: list[Task]) -> tuple[tuple[str, int, str, str], ...]:
    """How often they were begun in vain."""
    return tuple(
        (task.id, number, *task.runs[number])
        for task in tasks
        if task.runs
        for number in sorted(task.runs)
    )
