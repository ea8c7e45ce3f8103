"""What the tests of verdicts change on a side, and what they look for in a verdict."""

from __future__ import annotations

from typing import Any

from fcx.parity.verdict import Verdict
from fcx.payload.requirements import Requirements

DISTRIBUTIONS = {"dill": "0.4.1", "numpy": "2.4.6", "pip": "24.0"}
BY_REFERENCE = Requirements(frozenset({"numpy"}), installed={"numpy": {"numpy": "2.4.6"}})
NOTHING = Requirements()
HERE = {"pandas": {"pandas": "3.1.1"}, "numpy": {"numpy": "2.4.6"}, "tkinter": {}, "json": {}}
"""What the client has installed."""


def with_numpy(version: str | None) -> dict[str, str]:
    """The distributions with another numpy, or without one."""
    others = {name: value for name, value in DISTRIBUTIONS.items() if name != "numpy"}
    return others if version is None else {**others, "numpy": version}


def python(version: str, magic: str = "") -> dict[str, Any]:
    """The changes that make another Python."""
    return {"python/version": version, "python/magic": magic}


def codes(verdict: Verdict) -> dict[str, str]:
    """The severity of each code that was found."""
    return {one.code: one.severity for one in verdict.differences}
