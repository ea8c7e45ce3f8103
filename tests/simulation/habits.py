"""An agent's habits: how often it looks, why it ends a process, when it must give up, what it says."""

from __future__ import annotations

import typing
from functools import cache
from typing import Any

from fcx.remote import core as phases
from fcx.remote import events as on

from .invariants import Checks

EARLY = 1e-3  # seconds
QUICK, GROWS = 0.02, 1.2  # seconds between looks after news; each pause is so much longer
IDLE, AT_WORK = 0.2, 0.2  # seconds between looks at most: while nothing runs, and while tasks do
PROMPT = 3.0  # seconds for which the first bundle is looked for as if there had been news
NAMES = {**vars(typing), **vars(on)}


class Glances:
    """Looks into the inbox: one at a time, at once after news, then less and less often."""

    def __init__(self, checks: Checks, agent: Any) -> None:
        self.checks = checks
        self.agent = agent
        self._open = False
        self._pause = QUICK
        self._due: float | None = None  # when the next one is

    def asked(self, *, in_turn: bool) -> None:
        """It looks; ``in_turn``: not because it is about to leave."""
        now = self.checks.world.now
        self._demand(not self._open, "two looks", "one is not answered")
        self._open = True
        if self._due is not None and in_turn and self.agent.core.phase != phases.LEAVING:
            early = self._due - now
            self._demand(early <= EARLY, "looks too soon", f"by {early:.3f} s")

    def wrote(self) -> None:
        """What is written now may be a value that is waited for."""
        self._due = self.checks.world.now

    def answered(self, news: bool, since: float, *, busy: bool) -> None:
        """What is new; ``since``: for how long it has been in its phase."""
        phase = self.agent.core.phase
        self._open = False
        if phase == phases.WAITING:
            news = news or since < PROMPT
        longest = AT_WORK if busy or phase == phases.WAITING else IDLE
        self._pause = QUICK if news else min(self._pause * GROWS, longest)
        self._due = self.checks.world.now + self._pause

    def after(self) -> None:
        """While it waits or serves, the next look is not late."""
        if self._due is None or self._open or not self._looks():
            return
        late = self.checks.world.now - self._due
        self._demand(late <= EARLY, "looks late", f"by {late:.3f} s")

    def _looks(self) -> bool:
        return self.agent.core.phase in {phases.WAITING, phases.SERVING}

    def _demand(self, holds: bool, name: str, text: str) -> None:
        if not holds:
            self.checks.demand(False, name, f"{self.agent.name}: {text}, pause {self._pause:.3f} s")


def well_formed(checks: Checks, action: Any) -> None:
    """An action is of the types that it is declared with."""
    for name, wanted in _types(type(action)).items():
        if not _is(getattr(action, name), wanted):
            checks.demand(False, "malformed", f"{action}: {name}")


@cache
def _types(kind: type) -> dict[str, Any]:
    """What its attributes are declared as; the agent's modules name types in quotes alone."""
    return typing.get_type_hints(kind, NAMES)


def _is(value: Any, wanted: Any) -> bool:
    """Whether a value is of a type, as far as actions have such."""
    origin, inner = typing.get_origin(wanted), typing.get_args(wanted)
    if wanted is Any:
        return True
    if origin is typing.Union:
        return any(_is(value, each) for each in inner)
    if origin is tuple:
        each = inner[:1] * len(value) if inner[-1] is ... else inner
        return isinstance(value, tuple) and all(map(_is, value, each))
    if origin is dict:
        return isinstance(value, dict)
    if wanted is float:
        return type(value) in {int, float}
    return type(value) is wanted


def findings(
    checks: Checks,
    rows: list[Any],
    place: dict[str, Any],
    hello: on.Hello | None,
    guard: dict[str, Any],
) -> None:
    """What a guard found is what is there, and what it wanted is what it was given."""
    if any(what == "worker" for what, *_ in rows):
        return  # it never came to say what it is
    python, dill = (hello.python, hello.dill) if hello else (None, None)
    found = {**place, "python": f"{place.get('implementation')} {python}", "dill": dill}
    for what, wanted, there in rows:
        fine = what in guard and wanted == guard[what]
        ended = hello is None and str(there).startswith("the worker ")
        fine = fine and (ended or there in {found[what], hello.error if hello else None})
        checks.demand(fine, "found wrongly", f"{what}: {wanted}, {there}; it is {found}")
    if not hello or hello.error:
        errors = [there for what, _, there in rows if what == "dill" and there]
        checks.demand(bool(errors), "found wrongly", f"{rows} lack why no worker serves")
        return
    wrong = {what for what, wanted in guard.items() if found.get(what) != wanted}
    checks.demand({what for what, *_ in rows} == wrong, "found wrongly", f"{rows}, not {wrong}")
