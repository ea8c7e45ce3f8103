"""What is told of a build or a push while it goes on, kept for a look afterwards."""

from __future__ import annotations

from fcx.image.progress import Silent


class Noted(Silent):
    """The steps, and the lines of output."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.lines: list[str] = []

    def step(self, text: str) -> None:
        """A step begins."""
        self.steps.append(text)

    def line(self, text: str) -> None:
        """A line of it."""
        self.lines.append(text)
