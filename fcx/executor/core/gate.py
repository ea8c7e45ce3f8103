"""Whether payload may leave: once a verdict has passed, and only for requirements that have.

A task's requirements are judged as often as the core needs it, against the verdict that is in
force by then; what ``submit`` judged before is a courtesy, this is what counts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .actions import Judge, JudgeRequirements, Learn
from .events import Judged, RequirementsJudged, Trouble
from .limits import Words
from .requests import Requests
from .tasks import Queue, Task, Tasks


class Gate:
    """Closed until a place has passed; then open for good.

    Lanes whose place is the same share one: the first of them has given it its ``shape``.
    """

    def __init__(
        self,
        requests: Requests,
        tasks: Tasks,
        shape: int,
        words: Words,
        give_up: Callable[[Trouble], None],
    ) -> None:
        self.requests = requests
        self.tasks = tasks
        self.shape = shape
        self.words = words
        self.give_up = give_up
        self.open = False
        self.queues: list[Queue] = []  # of its lanes
        # Sets of requirements. A refusal is not kept: what is refused may be repaired meanwhile.
        self._passed: dict[int, None] = {}
        self._asked: dict[int, int] = {}  # with the action that asks
        self._learning = 0  # drifts that the verdict in force does not know of yet

    def begin(self, *, remembered: bool) -> None:
        """Its first lane begins, or another: perhaps with a verdict that is remembered."""
        self.open = self.open or remembered
        self._look_at_all()

    def _look_at_all(self) -> None:
        for task in self._waiting():
            self.look_at(task)

    def _waiting(self) -> list[Task]:
        return [task for queue in self.queues for task in queue.outbox]

    def judge_place(self, probe: int) -> None:
        """An agent has said what its place is."""
        self.requests.ask(Judge, probe, self.shape, then=self._on_verdict)

    def _on_verdict(self, _action: Judge, event: Judged) -> None:
        if event.trouble is not None:
            self.give_up(event.trouble)
            return
        notes = f" with {event.notes} note(s): `fcx preflight` shows them" if event.notes else ""
        place, policy = f"The remote side{self.words.shape}", self.words.policy
        if not self.open:
            self.requests.say(f"{place} passes under {policy!r}{notes}")
        self.open = True
        self._look_at_all()

    def look_at(self, task: Task) -> None:
        """Have what a task refers to judged, if the gate is open and that is not known yet."""
        number = task.info.requirements
        if not self.open or not number or self._learning:
            return
        if number not in self._passed and number not in self._asked:
            ask = JudgeRequirements, number, self.shape
            self._asked[number] = self.requests.ask(*ask, then=self._on_requirements)

    def _on_requirements(self, action: JudgeRequirements, event: RequirementsJudged) -> None:
        if self._asked.get(action.requirements) != action.id:
            return  # something has drifted since
        del self._asked[action.requirements]
        if event.trouble is None:
            self._passed[action.requirements] = None
            return
        fresh = [task for queue in self.queues for task in queue.fresh]
        for task in [*self._waiting(), *fresh]:
            if task.info.requirements == action.requirements:
                self.tasks.settle(task, event.trouble)

    def drifted(self, drift: int) -> None:
        """An agent has found other versions than those that passed: nothing has passed any more."""
        self._passed.clear()
        self._asked.clear()
        if not self._learning:
            told = "What is installed at the remote side has changed: tasks are judged anew"
            self.requests.say(told, "warning")
        self._learning += 1
        self.requests.ask(Learn, drift, self.shape, then=self._learnt)

    def _learnt(self, _action: Any, _event: Any) -> None:
        self._learning -= 1
        self._look_at_all()

    @property
    def asking(self) -> bool:
        """Whether a verdict is awaited: what waits for it leaves with the answer."""
        return bool(self._learning or self._asked)

    def lets_out(self, task: Task) -> bool:
        """Whether this task's payload may leave now."""
        number = task.info.requirements
        return self.open and (not number or number in self._passed)
