"""Steps in a row: what is said of each, and where they end."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from fcx.errors import EngineError
from fcx.steps.step import Done, Look, Told, walk


@dataclass
class Some:
    """A step that finds and does as it is told."""

    name: str
    found: Look
    done: Done | None = None
    calls: list[str] = field(default_factory=list)

    def look(self) -> Look:
        self.calls.append("look")
        return self.found

    def do(self) -> Done:
        self.calls.append("do")
        if self.done is None:
            raise EngineError("there is none")
        return self.done


def told(*steps: Some) -> list[Told]:
    return [one for one in walk(steps) if isinstance(one, Told)]


def test_what_is_not_needed_is_not_done():
    """The line says why, and the data what the look has found."""
    step = Some("image", Look(False, "up to date", {"build_id": "b"}), Done("built"))
    (one,) = told(step)
    assert step.calls == ["look"]
    assert one.line() == "image: skipped: up to date"
    assert one.passed
    data = one.to_data()
    assert (data["done"], data["why"], data["said"], data["build_id"]) == (
        False,
        "up to date",
        "",
        "b",
    )


def test_what_is_needed_is_done_and_both_are_said():
    """What, how long it took, and why."""
    (one,) = told(Some("edf", Look(True, "there was none"), Done("wrote it", ("odd",))))
    assert one.line().startswith("edf: wrote it (")
    assert one.line().endswith(" s; there was none)")
    assert one.to_data()["warnings"] == ["odd"]


def test_what_did_not_pass_is_the_last():
    """Nothing comes after a refusal."""
    last = Some("last", Look(True, "so"), Done("done"))
    refused = Done("refused", text="a table", passed=False)
    found = told(Some("preflight", Look(True, "never asked"), refused), last)
    assert [one.passed for one in found] == [False]
    assert last.calls == []


def test_a_step_that_fails_was_named_before():
    """Its error is its own."""
    first = Some("first", Look(False, "there"))
    names = walk([first, Some("image", Look(True, "so"))])
    assert next(names) == "first"
    next(names)
    assert next(names) == "image"
    with pytest.raises(EngineError):
        next(names)
