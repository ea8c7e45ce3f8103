"""Whether payload may leave: once a verdict has passed, and only for requirements that have.

A task's requirements are judged as often as the core needs it, against the verdict that is in
force by then; what ``submit`` judged before is a courtesy, this is what counts.
"""

from __future__ import annotations

from typing import Any

from .actions import Judge, JudgeRequirements, Learn
from .events import Judged, RequirementsJudged
from .requests import Requests
from .tasks import Task, Tasks


class Gate:
    """Closed until a place has passed; then open for good."""

    def __init__(self, requests: Requests, tasks: Tasks, policy: str) -> None:
        self.requests = requests
        self.tasks = tasks
        self.policy = policy
        self.open = False
        # Sets of requirements. A refusal is not kept: what is refused may be repaired meanwhile.
        self._passed: dict[int, None] = {}
        self._asked: dict[int, int] = {}  # with the action that asks
        self._learning = 0  # drifts that the verdict in force does not know of yet

    def begin(self, *, remembered: bool) -> None:
        """The run begins, perhaps with a verdict that is remembered."""
        self.open = remembered

    def judge_place(self, probe: int) -> None:
        """An agent has said what its place is."""
        self.requests.ask(Judge, probe, then=self._on_verdict)

    def _on_verdict(self, _action: Judge, event: Judged) -> None:
        if event.trouble is not None:
            self.requests.give_up(event.trouble)
            return
        notes = f" with {event.notes} note(s): `fcx preflight` shows them" if event.notes else ""
        self.requests.say(f"The remote side passes under {self.policy!r}{notes}")
        self.open = True
        for task in self.tasks.outbox:
            self.look_at(task)

    def look_at(self, task: Task) -> None:
        """Have what a task refers to judged, if the gate is open and that is not known yet."""
        number = task.info.requirements
        if not self.open or not number or self._learning:
            return
        if number not in self._passed and number not in self._asked:
            ask = JudgeRequirements, number
            self._asked[number] = self.requests.ask(*ask, then=self._on_requirements)

    def _on_requirements(self, action: JudgeRequirements, event: RequirementsJudged) -> None:
        if self._asked.get(action.requirements) != action.id:
            return  # something has drifted since
        del self._asked[action.requirements]
        if event.trouble is None:
            self._passed[action.requirements] = None
            return
        for task in [*self.tasks.outbox, *self.tasks.fresh]:
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
        self.requests.ask(Learn, drift, then=self._learnt)

    def _learnt(self, _action: Any, _event: Any) -> None:
        self._learning -= 1
        for task in list(self.tasks.outbox):
            self.look_at(task)

    @property
    def asking(self) -> bool:
        """Whether a verdict is awaited: what waits for it leaves with the answer."""
        return bool(self._learning or self._asked)

    def lets_out(self, task: Task) -> bool:
        """Whether this task's payload may leave now."""
        number = task.info.requirements
        return self.open and (not number or number in self._passed)
