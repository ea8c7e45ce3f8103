"""Constants from the bench's JSON: what was measured as it is, and what follows from three rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import msgspec

from .cases import BOTH, Case
from .clockwork import simulated
from .constants import Constants

FITTED = {  # by which row
    "start": "noops-1",
    "worker": "noops-100",
    "task": "noops-10000",
    "seen": "series",
}
BOUNDS = {
    "start": (0.01, 5.0),
    "worker": (0.001, 2.0),
    "task": (1e-6, 0.005),
    "seen": (0.0001, 0.2),
}
HALVES = 12  # times that the distance is halved
ROUNDS = 3
LEAST = 0.0005  # seconds that a request takes beside what the client does with it


def real(figures: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    """What fcx took, by row and site."""
    return {(f["row"], f["site"]): f for f in figures if f["who"] == "fcx"}


def middle(found: Mapping[str, Any]) -> float:
    """Seconds of the trial whose figures stand there: of an even number, the median is no trial's."""
    trials = sorted(found["trials"])
    return float(trials[(len(trials) - 1) // 2])


def like_real(known: Mapping[tuple[str, str], dict[str, Any]]) -> list[Case]:
    """What both can run; a job begins when the one did that is compared with."""
    cases = [case for case in BOTH if (case.row, case.site) in known]
    begins = [known[case.row, case.site].get("more", {}).get("job") for case in cases]
    return [replace(case, begins=when) for case, when in zip(cases, begins, strict=True)]


def fitted(figures: list[dict[str, Any]], requests: Mapping[str, float]) -> Constants:
    """What makes the simulator take as long as the machine took with these rows.

    ``requests``: what one takes that touches files alone, and one that asks Slurm, for a client
    that handles the answer, too.
    """
    known = real(figures)
    handling = _handling(known)
    away = {name: max(LEAST, seconds - handling) for name, seconds in requests.items()}
    constants = msgspec.structs.replace(_measured(known), handling=handling, **away)
    cases = {case.row: case for case in like_real(known) if case.site == "loopback"}
    for _ in range(ROUNDS):
        for name, row in FITTED.items():
            if (row, "loopback") in known:
                wanted = middle(known[row, "loopback"])
                value = _search(_runs(cases[row], constants, name), wanted, *BOUNDS[name])
                constants = msgspec.structs.replace(constants, **{name: value})
    return constants


def _measured(known: Mapping[tuple[str, str], dict[str, Any]]) -> Constants:
    """What a task costs the client's processor, by thread."""
    largest = max((row for row, _ in known if row.startswith("noops-")), key=_count, default="")
    if not largest or _count(largest) < 1_000:
        return Constants()
    cpu = known[largest, "loopback"]["cpu"]
    pickle, settle = (cpu.get(name, 0.0) for name in ("MainThread", "fcx-completion"))
    parts = {"pickle": pickle, "settle": settle, "read": sum(cpu.values()) - pickle - settle}
    return Constants(**{name: spent / _count(largest) for name, spent in parts.items()})


def _handling(known: Mapping[tuple[str, str], dict[str, Any]]) -> float:
    """What a request costs the client's processor: where there is little else."""
    series = known.get(("series", "loopback"))
    if series is None:
        return Constants().handling
    spent = sum(value for name, value in series["cpu"].items() if name != "MainThread")
    return float(spent / series["requests"])


def _count(row: str) -> int:
    return int(row.removeprefix("noops-"))


def _runs(case: Case, constants: Constants, name: str) -> Callable[[float], float]:
    return lambda value: (
        simulated(case, msgspec.structs.replace(constants, **{name: value})).seconds
    )


def _search(run: Callable[[float], float], wanted: float, low: float, high: float) -> float:
    """By halves; in the end the nearer of the two sides, for what is told may go by steps."""
    for _ in range(HALVES):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if run(middle) < wanted else (low, middle)
    return min((low, high), key=lambda value: abs(run(value) - wanted))
