"""Checks that a test makes up: side by side, bounded, and none is tried for nothing."""

from __future__ import annotations

import asyncio
import threading

from fcx.doctor.case import Case
from fcx.doctor.check import Check, Found, State, fine, warning, wrong
from fcx.doctor.everything import CHECKS
from fcx.doctor.examine import examine
from fcx.errors import ConfigError


def results(*checks: Check, limit: float = 30.0) -> dict[str, tuple[State, str]]:
    """State and root by name."""
    return {one.name: (one.state, one.root) for one in examine(Case(), checks, limit)}


def good(_case: Case) -> Found:
    """Nothing is wrong."""
    return fine("well")


def test_those_that_need_none_are_looked_at_side_by_side():
    """Each waits for the other: one after the other neither would end."""
    met = threading.Barrier(2)

    def meet(_case: Case) -> Found:
        met.wait(30)
        return fine("met")

    found = results(Check("a", meet), Check("b", meet))
    assert found == {"a": (State.FINE, ""), "b": (State.FINE, "")}


def test_what_needs_a_wrong_one_names_the_first_of_them():
    """However far away that is; a warning, and what is wrong and usable, blocks nobody."""
    found = results(
        Check("odd", lambda _: warning("odd", "fix")),
        Check("bad", lambda _: wrong("bad", "fix"), ("odd",)),
        Check("next", good, ("bad",)),
        Check("last", good, ("odd", "next")),
        Check("sick", lambda _: wrong("sick", "fix", usable=True)),
        Check("apart", good, ("odd", "sick")),
    )
    assert found["next"] == found["last"] == (State.UNTRIED, "bad")
    assert found["apart"] == (State.FINE, "")


def test_what_hangs_is_given_up():
    """A thread that never ends, and a coroutine that does not heed being cancelled."""
    end = threading.Event()

    async def deaf(_case: Case) -> Found:
        while not end.is_set():
            try:
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                continue
        return fine("late")

    def stuck(_case: Case) -> Found:
        end.wait()
        return fine("late")

    checks = (
        Check("deaf", deaf, fix="a fix"),
        Check("stuck", stuck, fix="a fix", serious=False),
        Check("well", good),
        Check("next", good, ("stuck",)),
    )
    found = {one.name: one for one in examine(Case(), checks, 0.2)}
    end.set()
    assert found["deaf"].found.said == found["stuck"].found.said == "no answer within 0 s"
    assert found["deaf"].found.fix == "a fix"
    states = [found[name].state for name in ("deaf", "stuck", "well", "next")]
    assert states == [State.WRONG, State.WARNING, State.FINE, State.UNTRIED]


def test_an_error_is_a_finding():
    """With the fix that it names itself, else with the check's."""

    def refuse(_case: Case) -> Found:
        raise ConfigError("It is wrong. Fix: `put it right`.")

    (found,) = examine(Case(), [Check("a", refuse, fix="another")])
    assert (found.found.said, found.found.fix) == ("It is wrong", "put it right")


def test_each_check_stands_after_those_that_it_needs():
    """The order in which they are told is one in which they can be looked at."""
    names = [check.name for check in CHECKS]
    assert len(set(names)) == len(names)
    for number, check in enumerate(CHECKS):
        assert set(check.needs) <= set(names[:number])


def test_what_nobody_thought_of_ends_no_other_check():
    """It is told as what that check has found."""

    def burst(_case: Case) -> Found:
        raise LookupError("odd")

    found = {one.name: one for one in examine(Case(), [Check("bad", burst), Check("good", good)])}
    assert found["bad"].state is State.WRONG
    assert "LookupError: odd" in found["bad"].found.said
    assert found["good"].state is State.FINE
