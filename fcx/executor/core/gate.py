"""Whether payload may leave: once a verdict has passed, and only for requirements that have.

A task's requirements are judged as often as the core needs it, against the verdict that is in
force; what ``submit`` judged before is a courtesy, this is what counts.
"""

from __future__ import annotations

from .actions import Judge, JudgeRequirements
from .events import Judged, RequirementsJudged, Trouble
from .requests import Requests
from .tasks import Task, Tasks


class Gate:
    """Closed until a place has passed; then open for good."""

    def __init__(self, requests: Requests, tasks: Tasks, policy: str) -> None:
        self.requests = requests
        self.tasks = tasks
        self.policy = policy
        self.open = False
        self._verdicts: dict[int, Trouble | None] = {}  # on sets of requirements
        self._asked: dict[int, None] = {}

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
        if not self.open or not number:
            return
        trouble = self._verdicts.get(number)
        if trouble is not None:
            self.tasks.settle(task, trouble)
        elif number not in self._verdicts and number not in self._asked:
            self._asked[number] = None
            self.requests.ask(JudgeRequirements, number, then=self._on_requirements)

    def _on_requirements(self, action: JudgeRequirements, event: RequirementsJudged) -> None:
        self._verdicts[action.requirements] = event.trouble
        if event.trouble is None:
            return
        for task in list(self.tasks.outbox):
            if task.info.requirements == action.requirements:
                self.tasks.settle(task, event.trouble)

    @property
    def asking(self) -> bool:
        """Whether a verdict is awaited: what waits for it leaves with the answer."""
        return len(self._asked) > len(self._verdicts)

    def lets_out(self, task: Task) -> bool:
        """Whether this task's payload may leave now."""
        number = task.info.requirements
        passed = not number or (number in self._verdicts and self._verdicts[number] is None)
        return self.open and passed
