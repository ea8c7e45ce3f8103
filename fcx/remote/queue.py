"""Tasks that were claimed and not yet begun."""

from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Deque, Dict, Iterable, List, Tuple

    from .events import TaskInfo


class Queue:
    """In the order in which they came, without those that were cancelled, however early."""

    def __init__(self) -> None:
        self.tasks: "Deque[TaskInfo]" = deque()
        self.cancelled: "Dict[str, bool]" = {}

    def __len__(self) -> int:
        return len(self.tasks)

    def first(self) -> "TaskInfo":
        """The one to be begun next."""
        return self.tasks[0]

    def add(self, tasks: "Iterable[TaskInfo]") -> "List[TaskInfo]":
        """Claimed tasks; returns those that were cancelled before."""
        given = list(tasks)
        self.tasks.extend(task for task in given if task.id not in self.cancelled)
        return [task for task in given if task.id in self.cancelled]

    def cancel(self, names: "Iterable[str]") -> "List[TaskInfo]":
        """Cancel tasks, here or still to come; returns those that were here."""
        for name in names:
            self.cancelled[name] = True
        kept = [task for task in self.tasks if task.id not in self.cancelled]
        dropped = [task for task in self.tasks if task.id in self.cancelled]
        self.tasks = deque(kept)
        return dropped

    def take_out(self, names: "Iterable[Tuple[str, int]]") -> "Tuple[Tuple[str, int], ...]":
        """Those of these tasks and attempts that are here; returns them."""
        here = [(task.id, task.attempt) for task in self.tasks]
        out = tuple(name for name in names if name in here)
        self.tasks = deque(task for task in self.tasks if (task.id, task.attempt) not in out)
        return out

    def clear(self) -> "Tuple[TaskInfo, ...]":
        """All of them, which are here no longer."""
        tasks = tuple(self.tasks)
        self.tasks.clear()
        return tasks
