"""Shapes of a world's pilots beside the first: what they are, whose place they share, who knows them."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from fcx.executor.core import Limits, Words
from fcx.executor.core import events as ev

from .parcel import GUARD

if TYPE_CHECKING:
    from .scenario import Scenario

SHARE = 0.12  # of the worlds in which there are any


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """One shape. ``like``: whose verdict is its own; ``refused``: it does not pass."""

    limits: Limits
    like: int
    refused: bool = False
    remembered: bool = False


def guard_of(scenario: Scenario, shape: int) -> dict[str, Any]:
    """What agents of this shape must find: each place is another."""
    return {**GUARD, "distributions": f"d{1 + 10 * scenario.like(shape)}"}


def shaped(scenario: Scenario, shape: int) -> ev.Shaped:
    """What a client is told of one."""
    kind = scenario.kinds[shape - 1]
    limits = replace(
        kind.limits,
        words=replace(kind.limits.words, shape=f" with --shape={shape}"),
    )
    return ev.Shaped(shape, limits, kind.like, scenario.opens(shape))


def with_kinds(scenario: Scenario) -> Scenario:
    """In some worlds tasks go to pilots of two or three shapes."""
    chance = random.Random(f"shapes {scenario.seed}")
    if chance.random() >= SHARE:
        return scenario
    kinds: list[Kind] = []
    for number in range(1, chance.choice((2, 2, 3))):
        own = chance.random() < 0.6
        like = number if own else chance.choice([0, *(kind.like for kind in kinds)])
        limits = replace(
            scenario.limits,
            nodes=chance.choice((1, 1, 2)),
            workers_per_node=chance.choice((1, 2, 4)),
            requeue=chance.random() < 0.3,
            words=Words(pilots=chance.choice(("fcx", "other"))),
        )
        refused = own and chance.random() < 0.15
        remembered = own and not refused and chance.random() < 0.5
        kinds.append(Kind(limits=limits, like=like, refused=refused, remembered=remembered))
    shapes = range(len(kinds) + 1)
    tasks = tuple(replace(plan, shape=chance.choice(shapes)) for plan in scenario.tasks)
    return replace(scenario, tasks=tasks, kinds=tuple(kinds))
