"""What goes on while an image is on its way, told to whoever shows it."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Is told of a shipment as it happens."""

    def step(self, text: str) -> None:
        """A step begins."""

    def line(self, text: str) -> None:
        """Something to know of the step."""

    def layer(self, name: str, status: str, done: int, total: int) -> None:
        """Bytes ``done`` of ``total`` are there."""
