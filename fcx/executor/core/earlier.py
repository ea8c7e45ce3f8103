"""Tasks of an earlier process are known by their ids and their keys.

A task that is submitted with the key of one of them is that one: it gets the outcome that there is,
or waits for the task that is under way; what only failed with the infrastructure runs again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from .actions import Found, Same
from .events import TaskInfo
from .lanes import Lanes
from .outcomes import Outcomes
from .tasks import Task, Tasks


class Earlier:
    """Whose task is whose."""

    def __init__(self, tasks: Tasks, lanes: Lanes, outcomes: Outcomes) -> None:
        self.tasks = tasks
        self.lanes = lanes
        self.outcomes = outcomes
        self.by_key = False
        self._expects = False  # an earlier process had some: only then ids are kept for good
        self._ids: dict[str, str] = {}  # by key, of those that nobody has asked for
        self._submitted: dict[str, TaskInfo] = {}  # what they were asked for as, by their own ids
        self._names: dict[str, str] = {}  # their own ids, by those they were submitted under

    def expect(
        self, infos: tuple[TaskInfo, ...], attempts: tuple[int, ...], *, by_key: bool
    ) -> None:
        """The tasks of an attached run; ``by_key``: each waits until it is asked for."""
        self.by_key, self._expects = by_key, True
        self.tasks.expect(infos, attempts, by_key=by_key)
        for info in infos:
            self._note(info)

    def _note(self, info: TaskInfo) -> None:
        self.tasks.known[info.id] = None
        if self.by_key and info.key:
            self._ids[info.key] = info.id

    def id_of(self, task: str) -> str:
        """The id under which a task that was submitted is known."""
        return self._names.get(task, task)

    # -- submitted --------------------------------------------------------------------------

    def parted(self, infos: Iterable[TaskInfo]) -> Iterator[list[TaskInfo]]:
        """What takes the value of another comes after that, and names it as it is known by then."""
        part: list[TaskInfo] = []
        for info in infos:
            if info.takes and part:
                yield part
                part = []
            takes = tuple(map(self.id_of, info.takes))
            part.append(msgspec.structs.replace(info, takes=takes) if takes else info)
        yield part

    def takes(self, info: TaskInfo) -> bool:
        """Whether a task that is submitted is one of an earlier process: then that is asked for."""
        earlier = self._ids.pop(info.key, None) if info.key else None
        if earlier is None:
            if self._expects:
                self.tasks.known[info.id] = None
            return False
        self._same(info, earlier)
        held = self.tasks.unasked.take(earlier)
        task = held.task if held else self.tasks.unfinished[earlier]
        shape = task.info.shape if task.bundle else info.shape  # whose pilots find it there
        self.tasks.ask_for(task, msgspec.structs.replace(info, id=earlier, shape=shape))
        self.tasks.depends(task)
        if held is not None:
            self.tasks.rejoin(task)
            if held.record is not None:
                self.outcomes.on_record(held.cursor, held.record)
            else:
                self.tasks.again(task)
        self.tasks.tell(task)
        self.lanes.of(task.info.shape).gate.look_at(task)
        return True

    def _same(self, info: TaskInfo, earlier: str) -> None:
        self._submitted[earlier] = info
        self._names[info.id] = earlier
        self.tasks.renamed(info.id, earlier)
        self.tasks.requests.note(Same(info.id, earlier))

    # -- found in the inbox -----------------------------------------------------------------

    def unknown(self, infos: list[TaskInfo]) -> bool:
        """Whether any of these is in no journal."""
        return any(info.id not in self.tasks.known for info in infos)

    def found(self, rows: list[tuple[TaskInfo, int]]) -> None:
        """Tasks with their attempts; what no journal had is known from now on."""
        fresh = [(info, attempt) for info, attempt in rows if info.id not in self.tasks.known]
        waiting = [task for queue in self.tasks.queues.values() for task in queue.outbox]
        waiting += self.tasks.waiting.values()
        twins = {task.info.key: task for task in waiting if task.info.key}
        for info, attempt in fresh:
            self._note(info)
            twin = twins.get(info.key) if self.by_key else None
            asked = not self.by_key or (twin is not None and twin.id in self.tasks.unfinished)
            task = Task(info.id, info, attempt, sought=True, asked=asked)
            self.tasks.enter(task)
            if twin is not None and twin.id in self.tasks.unfinished:
                self._ids.pop(info.key)
                known = msgspec.structs.replace(twin.info, id=info.id, shape=info.shape)
                self.tasks.recast(task, known)
                self.tasks.depends(task)
                self.tasks.forget(twin)
                self._same(twin.info, info.id)
            elif self.by_key:
                self.tasks.unasked.add(task)
            else:
                self.tasks.depends(task)
        gone = [task for task in twins.values() if task.id not in self.tasks.unfinished]
        self.tasks.unqueue(gone)
        if fresh and not self.by_key:
            self.tasks.requests.note(Found(tuple(info for info, _ in fresh)))

    def cancelled(self, task: Task) -> None:
        """An earlier process called it back: whoever asks for it by its key gets a new one."""
        if not self.by_key:
            self.tasks.cancel(task)
            return
        self._ids.pop(task.info.key, None)
        self.tasks.forget(task)
        info = self._submitted.pop(task.id, None)
        if info is not None:
            self._names.pop(info.id, None)
            self.tasks.requests.note(Same(task.id, info.id))
            self.tasks.renamed(task.id, info.id)
            self.tasks.known[info.id] = None
            takes = task.info.takes  # as those are known by now
            self.tasks.add([msgspec.structs.replace(info, takes=takes)])
