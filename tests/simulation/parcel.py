"""A bundle as both sides know it: which tasks, in which portions, with what head."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from fcx.executor.core.actions import Encode
from fcx.protocol.bundle import Head, Portion
from fcx.remote.events import TaskInfo

if TYPE_CHECKING:
    from .packages import Accepted
    from .scenario import Plan

HEAD = 200  # bytes of a bundle beside its tasks
GUARD = {"python": "cpython 3.11.9", "dill": "0.3.8", "distributions": "d1"}


def size_of(plans: list[Plan]) -> int:
    """Bytes of a bundle of these tasks."""
    return HEAD + sum(plan.size for plan in plans)


class Parcel:
    """The content of a bundle."""

    def __init__(
        self, made: Encode, plans: dict[str, Plan], accepted: Accepted, guard: dict[str, Any]
    ) -> None:
        self.name = made.bundle
        self.accepted = dict(accepted)
        self.tasks = made.tasks
        self.lacks = dict(made.lacks)
        self.portions: list[tuple[TaskInfo, ...]] = []
        at = 0
        for size in made.sizes:
            self.portions.append(
                tuple(
                    _info(task, attempt, plans[task])
                    for task, attempt in made.tasks[at : at + size]
                )
            )
            at += size
        self.head = Head(
            self.name,
            (),
            tuple(self._row(p) for p in self.portions),
            guard,
            dict(made.seen),
            made.pilot or mark(made.shape),
        )
        self.shape = made.shape

    def _row(self, portion: tuple[TaskInfo, ...]) -> Portion:
        functions = tuple(sorted({info.function for info in portion}))
        walltime = max(info.walltime or 0.0 for info in portion)
        takes = dict.fromkeys(of for info in portion for of in self.lacks.get(info.id, ()))
        return Portion(0, 1, len(portion), functions, walltime, tuple(takes))

    def places(self) -> Iterator[tuple[str, int, int]]:
        """Each task, its attempt and its portion."""
        for number, portion in enumerate(self.portions):
            for info in portion:
                yield info.id, info.attempt, number


def mark(shape: int) -> str | None:
    """Whose bundles those of a shape are."""
    return f"shape-{shape}" if shape else None


def _info(task: str, attempt: int, plan: Plan) -> TaskInfo:
    modules = (plan.archive,) if plan.archive else ()
    return TaskInfo(task, attempt, plan.function, plan.walltime, modules)
