"""Faults by name, and which of them strike a scenario where."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ..table import Table
from ..world import World


class Fault(NamedTuple):
    """Where it strikes, between which bounds its likelihood lies, and what it does."""

    where: str
    likely: tuple[float, float]
    do: Callable[..., Any]
    staged: bool = False  # it is drawn into scenes only


FAULTS: dict[str, Fault] = {}


def fault(
    where: str, low: float, high: float, *, staged: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter a function into the list of faults."""

    def enter(do: Callable[..., Any]) -> Callable[..., Any]:
        FAULTS[do.__name__] = Fault(where, (low, high), do, staged)
        return do

    return enter


class Faults:
    """Those of one scenario."""

    def __init__(
        self, world: World, table: Table, calm: float, chosen: tuple[tuple[str, float], ...]
    ) -> None:
        self.world = world
        self.table = table
        self.calm = calm
        self.struck: dict[str, int] = {}
        self._at: dict[str, list[tuple[str, float, Callable[..., Any]]]] = {}
        for name, likely in chosen:
            found = FAULTS[name]
            self._at.setdefault(found.where, []).append((name, likely, found.do))

    def strike(self, where: str, *who: Any) -> Any:
        """What the first fault that strikes here gives; None if none does."""
        if where not in self._at or self.world.now >= self.calm:
            return None
        for name, likely, do in self._at[where]:
            if self.world.random.random() < likely:
                given = do(*who)
                if given is not None:
                    self.note(name)
                    return given
        return None

    def note(self, name: str) -> None:
        """One has struck."""
        self.struck[name] = self.struck.get(name, 0) + 1
        self.table.note("fault", name)
