"""Which tasks leave when, in which bundle and by which way; and which are called back."""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import Any

from ...protocol.names import EPOCH
from ...protocol.packing import portion_sizes
from .actions import Encode, RecordTasks, UploadOrder
from .events import Encoded, Failed
from .fleet import INLINE_BUNDLE, Fleet
from .gate import Gate
from .inbox import Bundle, Inbox
from .limits import Limits
from .requests import Requests
from .tasks import Task, Tasks

WINDOW = 0.003  # seconds without a new task after which a bundle leaves
LONGEST_WINDOW = 1.0  # seconds for which a bundle may gather while tasks keep coming
SAVING_WINDOW = 2.0  # seconds for which it gathers while requests must be saved
PILOTS = 1000  # numbers that each client of a run has for its pilots
BUNDLE = 64 << 20  # bytes of payload in one bundle


class Window:
    """How long tasks gather before a bundle leaves: longer while they keep coming."""

    def __init__(self) -> None:
        self.first = 0.0  # when the first of those that gather came
        self.last = float("-inf")
        self._longest = WINDOW * 8

    def arrival(self, now: float, *, first: bool) -> None:
        """Tasks have come; ``first``: none were gathering."""
        self.last = now
        if first:
            self.first = now

    def over(self, now: float, *, saving: bool) -> bool:
        """Whether what has gathered should leave; ``saving``: it had better leave together."""
        return now >= self.end(saving=saving)

    def leave(self, now: float) -> None:
        """A bundle leaves; the next may gather longer if tasks keep coming."""
        streaming = now - self.last < WINDOW
        self._longest = min(LONGEST_WINDOW, self._longest * 2) if streaming else WINDOW * 8

    def end(self, *, saving: bool) -> float:
        """When it will be over if nothing more comes."""
        if saving:
            return self.first + SAVING_WINDOW
        return min(self.last + WINDOW, self.first + self._longest)


class Outgoing:
    """Bundles of tasks, one at a time; those that are owed a whole time limit go first."""

    def __init__(
        self,
        requests: Requests,
        limits: Limits,
        tasks: Tasks,
        gate: Gate,
        inbox: Inbox,
        fleet: Fleet,
    ) -> None:
        self.requests = requests
        self.limits = limits
        self.tasks = tasks
        self.gate = gate
        self.inbox = inbox
        self.fleet = fleet
        self.window = Window()
        self.busy = False  # a bundle is on its way
        self.orders = Orders(requests, inbox)
        self.number = 0  # of the last bundle

    def belongs(self, epoch: int) -> None:
        """What this client sends has numbers of its own, and its pilots names."""
        self.inbox.epoch = epoch
        self.number_from((epoch - 1) * EPOCH)
        self.fleet.named_from((epoch - 1) * PILOTS)

    def number_from(self, number: int) -> None:
        """Bundles and orders are numbered past those of an earlier process."""
        self.number = max(number, self.number)
        self.orders.number = max(number, self.orders.number)

    def arrival(self, tasks: list[Task]) -> None:
        """New tasks have come."""
        earlier = islice(self.tasks.outbox, len(self.tasks.outbox) - len(tasks))
        self.window.arrival(self.requests.now, first=not any(map(self._gathers, earlier)))
        for task in tasks:
            self.gate.look_at(task)

    def _gathers(self, task: Task) -> bool:
        """Whether it is there to leave: not settled since, nor one whose payload we lack."""
        return task.id in self.tasks.unfinished and task.asked and task.info.size > 0

    @property
    def unsent(self) -> bool:
        """Whether tasks wait that will ride in the first pilot's script."""
        return self.limits.inline and (self.busy or any(task.asked for task in self.tasks.outbox))

    def plan(self) -> None:
        """Send what is due."""
        self.orders.plan()
        if self.busy or not self.gate.open or self._no_pilot_yet():
            return
        if self.tasks.fresh and not self.fleet.holds_off():
            self._send(self._take_fresh(), self.fleet.take_name())
        elif self.tasks.outbox and self.window.over(self.requests.now, saving=self._saving()):
            tasks = self._take()
            if tasks:
                self.window.leave(self.requests.now)
            self._send(tasks)

    def due(self) -> float | None:
        """When a bundle should leave."""
        waits = self.busy or not self.gate.open or self.gate.asking or self._no_pilot_yet()
        if waits or not any(task.asked and task.info.size for task in self.tasks.outbox):
            return None
        return self.window.end(saving=self._saving())

    def _no_pilot_yet(self) -> bool:
        """Whether the next bundle would ride with a pilot that must wait for its turn."""
        return self.limits.inline and self.fleet.holds_off() and not self.fleet.live()

    def _saving(self) -> bool:
        return self.requests.budget.short(self.requests.now)

    def _take(self) -> list[Task]:
        """Tasks for the next bundle; those that were cancelled meanwhile are dropped."""
        taken: list[Task] = []
        held: list[Task] = []
        size, outbox = 0, self.tasks.outbox
        while outbox and (not taken or size + outbox[0].info.size <= BUNDLE):
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
        return taken

    def _take_fresh(self) -> list[Task]:
        """As many as one pilot has workers."""
        taken: list[Task] = []
        held: list[Task] = []
        while self.tasks.fresh and len(taken) < sum(self.limits.workers()):
            task = self.tasks.fresh.popleft()
            if task.id not in self.tasks.unfinished:
                continue
            if not (task.asked and task.info.size):
                self.tasks.outbox.append(task)
            elif self.gate.lets_out(task):
                taken.append(task)
            else:
                self.gate.look_at(task)
                held.append(task)
        self.tasks.fresh.extendleft(reversed(held))
        return taken

    def _send(self, tasks: list[Task], pilot: str = "") -> None:
        if not tasks:
            return
        self.busy = True
        # Remembered first: whoever collects the run must know what was sent.
        sent = tuple((task.id, task.attempt) for task in tasks)
        encode = partial(self._encode, tasks, pilot)
        self.requests.ask(RecordTasks, sent, then=encode, failed=encode)

    def _encode(self, tasks: list[Task], pilot: str, _action: Any, _event: Any) -> None:
        wanted = [task for task in tasks if task.id in self.tasks.unfinished]
        tasks = [task for task in wanted if self.gate.lets_out(task)]
        drifted = [task for task in wanted if not self.gate.lets_out(task)]
        queue = self.tasks.fresh if pilot else self.tasks.outbox
        queue.extendleft(reversed(drifted))
        if not tasks:
            self._sent()
            return
        self.number += 1
        archives = dict(archive for task in tasks for archive in task.info.archives)
        bundle = Bundle(f"b{self.number:06d}", tuple(archives.items()), pilot=pilot)
        sizes = [1] * len(tasks) if pilot else portion_sizes(len(tasks), self.limits.max_workers)
        self._place(tasks, bundle, sizes)
        self.inbox.keep(bundle)
        self.requests.ask(
            Encode,
            bundle.name,
            tuple((task.id, task.attempt) for task in tasks),
            tuple(sizes),
            pilot,
            tuple(self.tasks.pace.longest.items()),
            _runs_of(tasks),
            then=partial(self._encoded, bundle),
        )

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
            self.fleet.launch_reserved(bundle)
            self._sent()
            return
        archives = self.inbox.missing(bundle.archives)
        size = bundle.size + sum(size for _, size in archives)
        rides = self.limits.inline and not self.fleet.live() and not self.fleet.holds_off()
        if rides and size < INLINE_BUNDLE:
            self.fleet.launch(1, [bundle], archives)
            self._sent()
        else:
            self.inbox.upload([bundle], archives, self._sent)

    def _sent(self) -> None:
        self.busy = False


def _runs_of(tasks: list[Task]) -> tuple[tuple[str, int, str, str], ...]:
    """How often they were begun in vain."""
    return tuple(
        (task.id, number, *task.runs[number]) for task in tasks for number in sorted(task.runs)
    )


class Orders:
    """Tasks that were cancelled after they had left: the agents are told, one order at a time."""

    def __init__(self, requests: Requests, inbox: Inbox) -> None:
        self.requests = requests
        self.inbox = inbox
        self.number = 0
        self._waiting: list[str] = []
        self._busy = False

    def cancel(self, task: str) -> None:
        """Tell the agents that nobody wants this task any more."""
        self._waiting.append(task)

    def plan(self) -> None:
        """Before there is an inbox, tasks ride in a script: the agents will hear of it then."""
        if self._busy or not self._waiting or not self.inbox.there:
            return
        names, self._waiting = self._waiting, []
        self.number += 1
        self._busy = True
        self.requests.ask(
            UploadOrder, self.number, tuple(names), then=self._done, failed=self._failed
        )

    def _done(self, _action: UploadOrder, _event: Any) -> None:
        self._busy = False

    def _failed(self, _action: UploadOrder, event: Failed) -> None:
        """The task may run to its end for nothing; that harms nobody."""
        self._busy = False
        self.requests.say(f"A cancelled task may still run: {event.trouble.message}", "warning")
