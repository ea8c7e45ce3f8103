"""The bytes of a run, and what else the core only knows by name. Only the loop's thread has it."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from ..payload.contents import Content
from ..payload.requirements import Relied, Requirements
from ..payload.sharing import Parcel
from ..protocol.bundle import Item, Meaning
from ..protocol.packing import Bundle
from .core.events import TaskInfo
from .mailbox import NewTask
from .values import Values
from .wire import Outcome

T = TypeVar("T")

Supplies = tuple[tuple[str, int], ...]
OBJECTS = "objects/"  # begins the names of what is no module


class Made(Struct, gc=False):
    """A task, as it is sent. There may be a million: none is looked at when garbage is sought."""

    info: TaskInfo
    payload: bytes


def _nothing(_requirements: int) -> int:
    return 0


class Payloads:
    """What tasks are made of, until they are settled."""

    def __init__(self, values: Values) -> None:
        self._values = values
        self._tasks: dict[str, Made] = {}
        self._parcels: dict[str, Parcel] = {}  # of those that take values
        self._archives: dict[str, bytes] = {}
        self._last: tuple[Supplies, tuple[str, ...]] = ((), ())  # of a task, and its modules

    def add(self, task: NewTask) -> None:
        """A task has come in."""
        self._tasks[task.info.id] = Made(task.info, task.payload)
        if task.info.takes:
            self._parcels[task.info.id] = task.parcel
        self._archives.update(task.archives)

    def recall(self, item: Item, requirements: int, shape: int) -> TaskInfo:
        """A task of an earlier process: its payload was found on the cluster."""
        archives = tuple((name, 0) for name in item.modules)
        size = max(1, len(item.payload))
        name = item.meaning.name or item.task
        info = TaskInfo(
            *(item.task, name, size, item.function, item.walltime, archives, requirements),
            key=item.meaning.key,
            runs=item.meaning.runs,
            shape=shape,
            takes=item.takes,
        )
        self._tasks[item.task] = Made(info, item.payload)
        return info

    def rename(self, task: str, to: str) -> None:
        """A task is known under another id now: what it is made of is that one's."""
        known = self._tasks.pop(task, None)
        if known is not None:
            self._tasks[to] = Made(replace(known.info, id=to), known.payload)
        if task in self._parcels:
            self._parcels[to] = self._parcels.pop(task)

    def key(self, task: str) -> str:
        """The key by which a later process asks for a task."""
        known = self._tasks.get(task)
        return known.info.key if known else ""

    def item(
        self,
        task: str,
        attempt: int,
        runs: tuple[tuple[int, str, str], ...] = (),
        relied: Callable[[int], int] = _nothing,
        lacks: tuple[str, ...] = (),
    ) -> Item | None:
        """A task as it travels, with its runs so far; None for one that was settled meanwhile.

        ``relied`` gives the bundle's number for its set of requirements. ``lacks``: tasks whose
        values it waits for there. What an earlier process has sent waits for what it did then,
        which may be known here by now.
        """
        known = self._tasks.get(task)
        if known is None:
            return None
        info, payload = known.info, known.payload
        takes = info.takes
        if task in self._parcels:
            payload, takes = self._values.payload(self._parcels[task], lacks), lacks
        meaning = Meaning(info.name, info.key, runs)
        known_as = (task, attempt, info.function)
        modules, relied_on = self._modules(info.archives), relied(info.requirements)
        return Item(*known_as, payload, info.walltime, modules, meaning, relied_on, takes)

    def _modules(self, supplies: Supplies) -> tuple[str, ...]:
        """The names of modules among these; tasks of one kind have the same supplies."""
        if supplies is not self._last[0]:
            names = tuple(name for name, _ in supplies if not name.startswith(OBJECTS))
            self._last = supplies, names
        return self._last[1]

    def name(self, task: str) -> str:
        """A task's name for people."""
        known = self._tasks.get(task)
        return known.info.name if known else task

    def archive(self, name: str) -> bytes:
        """Modules of the user's own."""
        return self._archives[name]

    def drop(self, task: str) -> None:
        """It is settled."""
        self._tasks.pop(task, None)
        self._parcels.pop(task, None)


class Objects:
    """Contents that tasks share: until they were sent, and for as long as a task may need them."""

    def __init__(self) -> None:
        self._of: dict[str, tuple[Content, ...]] = {}  # by task
        self._unsent: dict[str, Content] = {}
        self._sent: dict[str, None] = {}
        self._known: weakref.WeakValueDictionary[str, Content] = weakref.WeakValueDictionary()

    def add(self, task: NewTask) -> None:
        """A task has come in."""
        contents = task.parcel.contents
        if not contents:
            return
        self._of[task.info.id] = contents
        for content in contents:
            self._known[content.name] = content
            if content.name not in self._sent:
                self._unsent[content.name] = content

    def get(self, name: str) -> Content | None:
        """The content of this name; None for modules."""
        return self._known.get(name)

    def sent(self, name: str) -> None:
        """It lies in the run directory."""
        self._sent[name] = None
        self._unsent.pop(name, None)

    def rename(self, task: str, to: str) -> None:
        """A task is known under another id now."""
        if task in self._of:
            self._of[to] = self._of.pop(task)

    def drop(self, task: str) -> None:
        """It is settled."""
        self._of.pop(task, None)


class RequirementSets:
    """Numbers for sets of requirements, from any thread; the same set has the same number."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sets: list[Requirements | Relied] = []
        self._numbers: dict[int, int] = {}  # by identity: those that are numbered are kept

    def number(self, requirements: Requirements | Relied) -> int:
        """Its number, from 1 on."""
        known = self._numbers.get(id(requirements))
        if known is not None:
            return known
        with self._lock:
            if id(requirements) not in self._numbers:
                self._sets.append(requirements)
                self._numbers[id(requirements)] = len(self._sets)
            return self._numbers[id(requirements)]

    def __getitem__(self, number: int) -> Requirements | Relied:
        return self._sets[number - 1]


class Numbered(Generic[T]):
    """What the core only names, by numbers from 1 on; none is given twice, whatever was taken."""

    def __init__(self) -> None:
        self._kept: dict[int, T] = {}
        self._last = 0

    def keep(self, thing: T) -> int:
        """Its number."""
        self._last += 1
        self._kept[self._last] = thing
        return self._last

    def get(self, number: int) -> T | None:
        """What has this number; None for one that nothing has."""
        return self._kept.get(number)

    def take(self, number: int) -> T:
        """What has this number, and is not needed again."""
        return self._kept.pop(number)


class Store:
    """Everything that actions name."""

    def __init__(self) -> None:
        self.values = Values()
        self.payloads = Payloads(self.values)
        self.objects = Objects()
        self.bundles: dict[str, Bundle] = {}
        self.outcomes: dict[tuple[str, int], Outcome] = {}
        self.probes: Numbered[tuple[dict[str, Any], str | None]] = (
            Numbered()
        )  # and the EDF's digest
        self.drifts: Numbered[dict[str, str | None]] = Numbered()  # versions of distributions
        self.errors: Numbered[BaseException] = Numbered()
