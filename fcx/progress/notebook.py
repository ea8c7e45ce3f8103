"""An output of a notebook's cell, by IPython, which is there where there are notebooks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from . import words
from .kernel import cell, shell
from .panel import html
from .snapshot import Snapshot


class Drawing:
    """One moment, as HTML, and as text for those who show no HTML."""

    def __init__(self, seen: Sequence[Snapshot]) -> None:
        self._seen = tuple(seen)

    def _repr_html_(self) -> str:
        return html(self._seen)

    def __repr__(self) -> str:
        return words.lines(self._seen, 10**6)


class Output:
    """Of the cell that runs: another cell has another.

    When a cell has ended, it is looked at once more: what its output says is to be how it ended,
    also where a program runs the notebook, which takes no output of a cell after that.
    """

    def __init__(self, look: Callable[[], None]) -> None:
        self._look = look
        self._cell = ""
        self._handle: Any = None

    def put(self, seen: Sequence[Snapshot]) -> None:
        """In the place of what this cell shows already."""
        from IPython.display import display

        running, now = shell(), cell()
        if self._handle is None or now not in {self._cell, ""}:
            self._cell, self._handle = now, display(Drawing(seen), display_id=True)
            if running is not None:
                running.events.register("post_run_cell", self._ended)
        else:
            self._handle.update(Drawing(seen))

    def _ended(self, _result: Any) -> None:
        """Called by IPython, in the cell's own thread."""
        running = shell()
        if running is not None:
            running.events.unregister("post_run_cell", self._ended)
        self._look()
