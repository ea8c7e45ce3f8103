"""Where snapshots go: a panel or a line on a terminal, a notebook, plain lines, a log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TextIO

from . import words
from .snapshot import Snapshot
from .stream import spelt, takes
from .terminal import Region, in_front, size_of
from .turn import Turn

CALM, CALMER, CALMEST = (
    10.0,
    1.5,
    60.0,
)  # seconds to the first plain line, how they grow, and to what
PAUSE = 0.4  # seconds between two drawings: rich takes a millisecond for each
ROOM = 12  # lines of a terminal from which a panel is not in the way


class Sink(Protocol):
    """Shows what it is given; its errors are caught by the display."""

    def show(self, seen: Sequence[Snapshot], now: float) -> None:
        """These are waited for; nothing is, where there are none."""

    def over(self, seen: Snapshot) -> None:
        """One that was shown has come to its end."""

    def leave(self) -> None:
        """In a forked child: it is the parent's."""


class Terminal:
    """A panel below what is printed, or one line."""

    def __init__(self, stream: TextIO, *, panel: bool) -> None:
        self._stream = stream
        self._panel = panel
        self._region = Region(stream)
        self._turn = Turn(stream)  # other processes may draw there
        self._next = 0.0  # when it may be drawn anew, unless it was wiped
        self._draw: Callable[[Sequence[Snapshot], int], list[str]] | None = None

    def show(self, seen: Sequence[Snapshot], now: float) -> None:
        """Drawn anew where it has changed."""
        free = takes(self._stream)
        if seen and not free:
            return
        if not seen or not in_front(self._stream) or not self._turn.take():
            self._region.clear(wipe=free and in_front(self._stream))
            self._turn.give()
            return
        if self._region.drawn and now < self._next:
            return
        self._next = now + PAUSE
        size = size_of(self._stream)
        width = max(10, size.columns - 1)  # a full line would break
        if self._panel and size.lines >= ROOM:
            self._region.draw(self._drawer()(seen, width))
        else:
            self._region.draw([spelt(words.lines(seen, width), self._stream)])

    def over(self, seen: Snapshot) -> None:
        """A line that stays."""
        if in_front(self._stream) and takes(self._stream):
            text = words.summary(seen, size_of(self._stream).columns - 1)
            self._region.say(spelt(text, self._stream))

    def leave(self) -> None:
        """In a forked child."""
        self._region.leave()
        self._turn.give()

    def _drawer(self) -> Callable[[Sequence[Snapshot], int], list[str]]:
        if self._draw is None:
            from .panel import Drawer  # rich takes its time to import

            self._draw = Drawer(self._stream).lines
        return self._draw


class Notebook:
    """An output of the cell that waits, put in place of itself."""

    def __init__(self, look: Callable[[], None]) -> None:
        from .notebook import Output

        self._output = Output(look)
        self._shown: tuple[Snapshot, ...] = ()

    def show(self, seen: Sequence[Snapshot], now: float) -> None:
        """The last one stays as it is."""
        if seen and tuple(seen) != self._shown:
            self._shown = tuple(seen)
            self._output.put(seen)

    def over(self, seen: Snapshot) -> None:
        """What it has come to, in the same place."""
        self._output.put([seen])

    def leave(self) -> None:
        """In a forked child: nothing to be done."""


class Lines:
    """A line now and then, where it says something new: into a log, or where none is taken back."""

    def __init__(self, say: Callable[[str], object]) -> None:
        self._say = say
        self._next: float | None = None
        self._pause = CALM
        self._last = ""

    def show(self, seen: Sequence[Snapshot], now: float) -> None:
        """At a calm pace."""
        if not seen:
            self._next = None
            return
        if self._next is None:
            self._next, self._pause = now + CALM, CALM
        if now < self._next:
            return
        self._next = now + self._pause
        self._pause = min(CALMEST, self._pause * CALMER)
        counts = "; ".join(words.counts(one) for one in seen)
        if counts != self._last:
            self._last = counts
            self._say(words.lines(seen, 10**6))

    def over(self, seen: Snapshot) -> None:
        """What it has come to, where anything was said before."""
        if self._last:
            self._say(words.summary(seen))

    def leave(self) -> None:
        """In a forked child: nothing to be done."""


def plain(stream: TextIO) -> Lines:
    """Lines on a stream that is no terminal, or none that can move its cursor."""

    def say(text: str) -> None:
        if takes(stream):
            stream.write(f"{spelt(text, stream)}\n")
            stream.flush()

    return Lines(say)
