"""Clocks of nodes and client: moved only as far as cause and effect demand (pure)."""

from __future__ import annotations

from .model import Clock


class Bounds:
    """What must be added to a node's time, at least and at most, to have the client's."""

    def __init__(self) -> None:
        self.least: float | None = None
        self.most: float | None = None

    def after(self, client: float, node: float) -> None:
        """What the node's clock said came after the client's moment: a task after its submit."""
        if client and node:
            found = client - node
            self.least = found if self.least is None else max(self.least, found)

    def before(self, node: float, client: float) -> None:
        """It came before: a record, before it was read."""
        if client and node:
            found = client - node
            self.most = found if self.most is None else min(self.most, found)

    def clock(self) -> Clock:
        """Nothing where that may be, else as little as can be."""
        shift = 0.0
        if self.least is not None and self.least > 0:
            shift = self.least
        elif self.most is not None and self.most < 0:
            shift = self.most
        return Clock(round(shift, 3), self.least, self.most)

    @property
    def contradictory(self) -> bool:
        """Whether no one number would do: a clock was set meanwhile, or nodes differ."""
        return self.least is not None and self.most is not None and self.least > self.most
