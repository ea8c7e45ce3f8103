"""A core that a test drives by hand: what it asked for is found by kind, and answered."""

from __future__ import annotations

from typing import Any, TypeVar

from fcx.executor.core import Core, Limits
from fcx.executor.core.actions import Action, Encode, Prepare, RecordPilot, RecordTasks, SubmitPilot
from fcx.executor.core.events import (
    AnyEvent,
    Began,
    Done,
    Encoded,
    Failed,
    JobMade,
    Prepared,
    Submitted,
    TaskInfo,
    Ticked,
    Trouble,
)

A = TypeVar("A", bound=Action)


class Drive:
    """One core, its clock, and everything that it asked for so far."""

    def __init__(self, **limits: Any) -> None:
        self.core = Core(Limits(**{"max_workers": 4, **limits}))
        self.now = 0.0
        self.asked: list[Action] = []
        self.tell(Began(1, open=True))

    def tell(self, event: AnyEvent, after: float = 0.01) -> list[Action]:
        """An event, some seconds later."""
        self.now += after
        actions = self.core.handle(event, self.now)
        self.asked += actions
        return actions

    def wait(self, seconds: float) -> list[Action]:
        """Nothing but time."""
        return self.tell(Ticked(), seconds)

    def all(self, kind: type[A]) -> list[A]:
        """What was asked for of a kind."""
        return [action for action in self.asked if isinstance(action, kind)]

    def unanswered(self, kind: type[A]) -> list[A]:
        """Those of a kind that wait for their answer."""
        waiting = [one.action for one in self.core.requests.under_way.values() if one.again is None]
        return [action for action in waiting if isinstance(action, kind)]

    def last(self, kind: type[A]) -> A:
        """The last of a kind."""
        return self.all(kind)[-1]

    def done(self, kind: type[Any]) -> list[Action]:
        """The last of a kind is done."""
        return self.tell(Done(self.last(kind).id))

    def fails(self, action: Any, kind: str, text: str = "no") -> list[Action]:
        """An action fails."""
        return self.tell(Failed(action.id, kind, Trouble("RequestRefused", text)))

    def submit(self, *tasks: str) -> None:
        """Submit tasks, up to the request for the job that brings them along."""
        self.tell(Submitted(tuple(TaskInfo(task, "work", 10) for task in tasks)))
        self.tell(Prepared(self.last(Prepare).id, "/runs/one"))
        self.wait(0.05)
        self.done(RecordTasks)
        self.tell(Encoded(self.last(Encode).id, 100))
        self.done(RecordPilot)

    def serve(self, *tasks: str, job: str = "7") -> None:
        """Submit tasks, and have the job."""
        self.submit(*tasks)
        self._made(job)

    def launched(self, job: str) -> None:
        """The last pilot has a job."""
        self.done(RecordPilot)
        self._made(job)

    def _made(self, job: str) -> None:
        self.tell(JobMade(self.last(SubmitPilot).id, job, repeated=False))
        self.done(RecordPilot)
