"""A step: whether there is anything to do and why, and doing it; several in a row."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..image.progress import Progress

Show = Callable[[], AbstractContextManager[Progress]]
"""Shows what goes on in its ``with`` block, which only a step that does something enters."""


@dataclass(frozen=True)
class Look:
    """What a step found before it does anything: ``why`` it is to be done, or why it is not."""

    needed: bool
    why: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Done:
    """What a step did, in a line; what to say beside it; and the same as data.

    ``passed``: whether the next one may follow.
    """

    said: str
    warnings: tuple[str, ...] = ()
    text: str = ""
    passed: bool = True
    data: Mapping[str, Any] = field(default_factory=dict)


class Step(Protocol):
    """One of the steps."""

    name: str

    def look(self) -> Look:
        """See whether there is anything to do; as cheap as can be."""

    def do(self) -> Done:
        """Do it. Raises an FcxError of its own."""


@dataclass(frozen=True)
class Told:
    """What became of a step."""

    name: str
    why: str
    seconds: float
    done: Done | None = None  # None: there was nothing to do
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether the next step may follow."""
        return self.done is None or self.done.passed

    def line(self) -> str:
        """As a person reads it."""
        if self.done is None:
            return f"{self.name}: skipped: {self.why}"
        return f"{self.name}: {self.done.said} ({self.seconds:.1f} s; {self.why})"

    def to_data(self) -> dict[str, Any]:
        """For --json."""
        done = self.done
        return {
            "step": self.name,
            "done": done is not None,
            "why": self.why,
            "said": done.said if done else "",
            "passed": self.passed,
            "warnings": list(done.warnings) if done else [],
            "seconds": round(self.seconds, 3),
            **(done.data if done else self.data),
        }


def walk(steps: Sequence[Step]) -> Iterator[str | Told]:
    """Take the steps in their order up to the first that did not pass.

    Each is named before it begins, so that whoever listens knows which one has failed.
    """
    for step in steps:
        yield step.name
        began = time.monotonic()
        found = step.look()
        done = step.do() if found.needed else None
        told = Told(step.name, found.why, time.monotonic() - began, done, found.data)
        yield told
        if not told.passed:
            return
