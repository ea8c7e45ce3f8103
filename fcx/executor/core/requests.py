"""What is under way: ids, who waits for which answer, and what is tried again when.

A failed action never vanishes: one that may succeed later is tried again, with back-off and
jitter, until the server has given no usable answer for ``patience``; any other failure goes to
whoever asked, or else ends the run.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from .actions import Action, Answered, Note, Request, Say
from .budget import Budget, cost
from .events import Failed, Trouble

FIRST_CONTACT = 60.0  # seconds, while no request has succeeded yet: the address may be wrong
COMPLAINTS = 30.0  # seconds between two words about requests that fail
REPEATS = 600.0  # seconds after which a warning is no news any more, and is said again
MOST_SAID = 100  # warnings that are remembered for that
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds before a request is made again

Then = Callable[[Any, Any], None]
"""Called with the action and its answer."""


def nothing(_action: Any, _event: Any) -> None:
    """What follows an answer that changes nothing."""


class UnderWay(msgspec.Struct):
    """An action that has not been answered for good."""

    action: Answered
    then: Then
    failed: Then | None
    pause: float = 0.0  # before it was last tried
    again: float | None = None  # when it is tried next; None while an answer is awaited
    tries: int = 0


class Requests:
    """Everything that was asked for and has no answer yet."""

    def __init__(self, budget: Budget, patience: float, give_up: Callable[[Trouble], None]) -> None:
        self.budget = budget
        self.patience = patience
        self.give_up = give_up
        self.now = 0.0
        self.out: list[Action] = []
        self.under_way: dict[int, UnderWay] = {}
        self.random = random.Random(0)  # noqa: S311 - jitter, which a seed must repeat
        self._last_id = 0
        self._contact: float | None = None  # when a request last succeeded
        self._failing: float | None = None  # since when none did
        self._said: dict[str, float] = {}  # when each warning was, the oldest first
        self.leaving = False

    def seed(self, seed: int) -> None:
        """Jitter comes from here."""
        self.random.seed(seed)

    def at(self, now: float) -> None:
        """What follows happens at this time, in seconds of a clock that only goes forward."""
        self.now = now

    def taken(self) -> list[Action]:
        """What was asked for since the last time."""
        out, self.out = self.out, []
        return out

    def note(self, action: Note) -> None:
        """Ask for something that is done at once."""
        self.out.append(action)

    def say(self, text: str, level: str = "info") -> None:
        """A line for the log; a warning that was lately said in the same words is left out."""
        if level != "warning" or not self._lately(text, REPEATS):
            self.out.append(Say(level, text))

    def _lately(self, what: str, seconds: float) -> bool:
        """Whether it was said within these seconds; if not, it is now."""
        before = self._said.get(what)
        if before is not None and self.now - before < seconds:
            return True
        self._said.pop(what, None)
        self._said[what] = self.now
        if len(self._said) > MOST_SAID:
            del self._said[next(iter(self._said))]
        return False

    def ask(
        self, kind: type[Answered], *values: Any, then: Then, failed: Then | None = None
    ) -> int:
        """Ask for something that is answered. ``failed`` hears of failures that last."""
        self._last_id += 1
        action = kind(self._last_id, *values)
        self.under_way[action.id] = UnderWay(action, then, failed)
        self._send(action)
        return action.id

    def chain(self, steps: list[tuple[Any, ...]], then: Callable[[], None]) -> None:
        """Ask for one after the other, each (kind, *values); ``then`` follows the last."""
        if not steps:
            then()
            return
        if self.leaving:
            return  # nobody waits for the end of it any more
        first, *rest = steps
        self.ask(*first, then=partial(self._next, rest, then))

    def _next(
        self, rest: list[tuple[Any, ...]], then: Callable[[], None], _action: Any, _event: Any
    ) -> None:
        self.chain(rest, then)

    def together(
        self, steps: list[tuple[Any, ...]], then: Callable[[], None], heard: Then = nothing
    ) -> None:
        """Ask for all of them at once, each (kind, *values); ``then`` follows the last answer."""
        if not steps:
            then()
        elif not self.leaving:
            waiting = dict.fromkeys(range(len(steps)))
            for number, step in enumerate(steps):
                self.ask(*step, then=partial(self._one_of, waiting, number, then, heard))

    @staticmethod
    def _one_of(
        waiting: dict[int, None],
        number: int,
        then: Callable[[], None],
        heard: Then,
        action: Any,
        event: Any,
    ) -> None:
        heard(action, event)
        del waiting[number]
        if not waiting:
            then()

    def _send(self, action: Answered) -> None:
        self.budget.spend(cost(action), self.now)
        self.out.append(action)

    # -- answers ----------------------------------------------------------------------------

    def answered(self, event: Any) -> None:
        """An answer has come: whoever waits for it hears of it, or it is asked for again."""
        waiting = self.under_way.get(event.action)
        if waiting is None:
            return  # an answer to what nobody wants to know any more
        if isinstance(event, Failed):
            self._failed(waiting, event)
            return
        if isinstance(waiting.action, Request):
            self._contact, self._failing = self.now, None
        waiting.then(waiting.action, event)
        del self.under_way[event.action]

    def _failed(self, waiting: UnderWay, event: Failed) -> None:
        waiting.tries += 1
        if event.kind == "passing" and not self.leaving:
            self._again(waiting, event)
            return
        if event.kind != "passing" and isinstance(waiting.action, Request):
            self._contact, self._failing = self.now, None
        if waiting.failed is not None:
            waiting.failed(waiting.action, event)
        elif event.kind != "passing":  # else the caller leaves, and nobody waits for it
            self.give_up(event.trouble)
        del self.under_way[event.action]

    def _again(self, waiting: UnderWay, event: Failed) -> None:
        """Try later, unless no answer has been usable for too long."""
        if self._failing is None:
            self._failing = self.now
        never = self._contact is None
        patience = min(self.patience, FIRST_CONTACT) if never else self.patience
        pause = max(FIRST_PAUSE, min(LONGEST_PAUSE, waiting.pause * 2))
        waiting.pause = pause
        pause = max(event.after, pause * (0.75 + 0.5 * self.random.random()))
        left = self._failing + patience - self.now
        if left <= 0:
            del self.under_way[event.action]
            self.give_up(_unreachable(event.trouble, self.now - self._failing, never=never))
            return
        waiting.again = self.now + min(pause, left)  # once more at the end of patience
        if not self._lately("a request fails", COMPLAINTS):
            self.say(f"{event.trouble.message} Trying again")  # the door warns, once

    # -- time -------------------------------------------------------------------------------

    def retry(self) -> None:
        """Try again what is due."""
        for waiting in list(self.under_way.values()):
            if waiting.again is not None and waiting.again <= self.now:
                waiting.again = None
                self._send(waiting.action)

    def due(self) -> float | None:
        """When something is to be tried again."""
        times = [w.again for w in self.under_way.values() if w.again is not None]
        return min(times, default=None)

    def leave(self) -> None:
        """The caller is leaving: what fails is not tried again, and what waited to be, now."""
        self.leaving = True
        for waiting in self.under_way.values():
            if waiting.again is not None:
                waiting.again = self.now

    def tries(self, action: int) -> int:
        """How often this action has failed so far."""
        waiting = self.under_way.get(action)
        return waiting.tries if waiting else 0

    def idle(self) -> bool:
        """Whether no answer is awaited."""
        return not self.under_way


def _unreachable(trouble: Trouble, seconds: float, *, never: bool) -> Trouble:
    # Of an address that has never answered the door has said what to look at.
    fix = "" if never else ": look at the site's status page, then attach to the run"
    return Trouble(
        "Unreachable",
        f"{trouble.message} No answer has been usable for {seconds:.0f} s{fix}.",
        trouble.ref,
    )
