"""Snapshots drawn by rich: lines for a terminal, HTML for a notebook.

Only here is rich known, and in words.py, which asks it how wide letters are.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from rich import box
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from . import words
from .stream import coloured, spelt

if TYPE_CHECKING:
    from .snapshot import Snapshot

WIDEST = 78
BAR = 24
IN_NOTEBOOK = '<pre style="line-height:normal;margin:0;background:none">{code}</pre>'


class Drawer:
    """Draws for one stream: with its colours, if it has any, and with what it can spell."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._console = Console(
            file=stream,
            color_system="auto" if coloured(stream) else None,
            force_terminal=True,  # it is one, whatever FORCE_COLOR or TTY_COMPATIBLE say
            force_jupyter=False,
            highlight=False,
            markup=False,
        )

    def lines(self, seen: Sequence[Snapshot], width: int) -> list[str]:
        """One panel, as lines that are no wider than that."""
        width = min(width, WIDEST)
        with self._console.capture() as captured:
            self._console.print(panel(seen, width), width=width)
        return [spelt(line, self._stream) for line in captured.get().splitlines()]


def html(seen: Sequence[Snapshot]) -> str:
    """The same for a notebook, in its own colours."""
    console = Console(
        file=io.StringIO(), record=True, width=WIDEST, force_jupyter=False, color_system="standard"
    )
    console.print(panel(seen, WIDEST))
    return console.export_html(inline_styles=True, code_format=IN_NOTEBOOK)


def panel(seen: Sequence[Snapshot], width: int) -> Panel:
    """A block for each run."""
    title = words.title(seen[0]) if len(seen) == 1 else "fcx"
    blocks = [_block(one, width, named=len(seen) > 1) for one in seen]
    return Panel(
        Group(*blocks), title=Text(title), title_align="left", box=box.ROUNDED, width=width
    )


def _block(seen: Snapshot, width: int, *, named: bool) -> RenderableType:
    head = Table.grid(padding=(0, 1))
    bar = ProgressBar(
        total=max(1, seen.total),
        completed=seen.done,
        width=min(BAR, max(4, width - 32)),
        complete_style="green",
        finished_style="green",
    )
    head.add_row(bar, Text(words.done(seen)), Text(words.clock(seen.seconds), style="dim"))
    said = [_tasks(seen), Text(words.pilots(seen)), Text(words.cost(seen), style="dim")]
    name = [Text(seen.name, style="bold")] if named else []
    lines = [line for line in (*name, *said) if line.plain]
    for line in lines:
        line.no_wrap, line.overflow = True, "ellipsis"
    return Group(*lines[: len(name)], head, *lines[len(name) :])


def _tasks(seen: Snapshot) -> Text:
    text = Text(words.tasks(seen))
    text.highlight_regex(r"\d+ failed", "bold red")
    return text
