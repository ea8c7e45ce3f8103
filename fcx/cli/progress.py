"""How a long job is shown: a live line on a terminal, plain lines anywhere else; on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.progress import TaskID

    from ..image.progress import Progress

WIDTH = 100


class Plain:
    """A line for each step and for each change of a layer, for logs."""

    def __init__(self) -> None:
        self._layers: dict[str, str] = {}

    def step(self, text: str) -> None:
        """The step, on one line."""
        typer.echo(_short(text), err=True)

    def line(self, text: str) -> None:
        """The step's output, indented."""
        typer.echo(f"  {text}", err=True)

    def layer(self, name: str, status: str, done: int, total: int) -> None:
        """Only what is new: a bar would fill a log."""
        if self._layers.get(name) != status:
            self._layers[name] = status
            typer.echo(f"  {name}: {status}", err=True)


class Live:
    """The current step, and a bar for each layer on the move."""

    def __init__(self, display: Any) -> None:
        self._display = display
        self._bars: dict[str, TaskID] = {}
        self._step = display.add_task("Starting", total=None)

    def step(self, text: str) -> None:
        """The step takes the place of the one before."""
        self._display.update(self._step, description=_short(text))

    def line(self, text: str) -> None:
        """The step's output scrolls by above."""
        self._display.console.print(text, style="dim", markup=False, highlight=False)

    def layer(self, name: str, status: str, done: int, total: int) -> None:
        """The layer's bar."""
        if name not in self._bars:
            self._bars[name] = self._display.add_task(name, total=None)
        finished = not total and status.lower().startswith(("pushed", "pull complete", "layer al"))
        size: dict[str, Any] = {"completed": 1, "total": 1} if finished else {}
        if total:
            size = {"completed": min(done, total), "total": total}
        self._display.update(self._bars[name], description=f"{name} {status}", **size)


@contextmanager
def shown() -> Iterator[Progress]:
    """What to tell of the job inside the ``with`` block."""
    if not sys.stderr.isatty():
        yield Plain()
        return
    from rich.console import Console
    from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    text = TextColumn("{task.description}", markup=False)
    columns = (SpinnerColumn(), text, BarColumn(bar_width=20), TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as display:
        yield Live(display)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= WIDTH else line[: WIDTH - 4] + " ..."
