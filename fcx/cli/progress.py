"""How a long job is shown: a live line on a terminal, plain lines anywhere else; on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import typer

from ..progress.terminal import size_of

if TYPE_CHECKING:
    from rich.progress import TaskID

    from ..image.progress import Progress

WIDTH = 100
BAR, BESIDE = 20, 10  # columns of a bar, and of the spinner and the time with what is between them
ROOM_FOR_BARS = 60  # columns of a terminal from which there are any
DRAWN = "\u280b\u2501"  # what a spinner and a bar are made of


class Plain:
    """A line for each step and for each change of a layer, for logs."""

    def __init__(self) -> None:
        self._layers: dict[str, str] = {}

    def step(self, text: str) -> None:
        """The step, on one line."""
        _tell(_short(text, WIDTH))

    def line(self, text: str) -> None:
        """The step's output, indented."""
        _tell(f"  {text}")

    def layer(self, name: str, status: str, done: int, total: int) -> None:
        """Only what is new: a bar would fill a log."""
        if self._layers.get(name) != status:
            self._layers[name] = status
            _tell(f"  {name}: {status}")


class Live:
    """The current step, and a bar for each layer on the move."""

    def __init__(self, display: Any, beside: int) -> None:
        self._display = display
        self._beside = beside  # columns that are not for text
        self._bars: dict[str, TaskID] = {}
        self._step = display.add_task("Starting", total=None)

    def step(self, text: str) -> None:
        """The step takes the place of the one before."""
        self._display.update(self._step, description=self._fitted(text))

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
        text = self._fitted(f"{name} {status}")
        self._display.update(self._bars[name], description=text, **size)

    def _fitted(self, text: str) -> str:
        """As wide as the terminal is now, whatever the variable COLUMNS says that it was."""
        console = self._display.console
        console.width = size_of(sys.stderr).columns
        return _short(text, min(WIDTH, console.width - self._beside))


@contextmanager
def shown() -> Iterator[Progress]:
    """What to tell of the job inside the ``with`` block."""
    from ..progress.choice import can_draw
    from ..progress.stream import coloured, spells

    if not can_draw(sys.stderr) or not spells(sys.stderr, DRAWN):
        yield Plain()
        return
    from rich.console import Console
    from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    console = Console(
        stderr=True,
        width=size_of(sys.stderr).columns,
        force_terminal=True,
        force_interactive=True,
        color_system="auto" if coloured(sys.stderr) else None,
    )
    text = TextColumn("{task.description}", markup=False)
    wide = console.width >= ROOM_FOR_BARS
    bars = [BarColumn(bar_width=BAR)] if wide else []
    columns = (SpinnerColumn(), text, *bars, TimeElapsedColumn())
    with Bars(*columns, console=console, transient=True) as display:
        yield Live(display, BESIDE + (BAR + 1 if wide else 0))


def _tell(text: str) -> None:
    """Whoever takes no more of it is in nobody's way: the job goes on."""
    with suppress(OSError):
        typer.echo(text, err=True)


def _short(text: str, room: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= room else line[: max(0, room - 4)] + " ..."
