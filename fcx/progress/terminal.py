"""A region below the cursor of a terminal, drawn again and again; others write undisturbed.

The cursor stays where others write: what is drawn lies below it, and is wiped before anybody writes
through ``sys.stdout`` or ``sys.stderr``. Their ``write`` is watched while something is drawn: the
objects stay, so that handlers of logging, tqdm and whoever else has them are heard as well.
rich.live redirects them in its place, and holds back what has no end of line: tqdm stands still.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any, TextIO

WIPE = "\x1b[J"  # from the cursor on
DOWN, UP = "\x1bD", "\x1b[{}A"  # the former scrolls at the bottom; neither leaves the column
SAVE, RESTORE = "\x1b7", "\x1b8"  # the cursor's place


def size_of(stream: TextIO) -> os.terminal_size:
    """Columns and lines of a terminal."""
    with contextlib.suppress(OSError, ValueError):
        found = os.get_terminal_size(stream.fileno())
        if found.columns and found.lines:
            return found
    return shutil.get_terminal_size()


def in_front(stream: TextIO) -> bool:
    """Whether the shell has this process in the foreground: in the background it draws nothing."""
    with contextlib.suppress(OSError, ValueError):  # a terminal that is nobody's controls nothing
        return os.tcgetpgrp(stream.fileno()) == os.getpgrp()
    return True


def below(lines: Sequence[str]) -> str:
    """What draws them under the cursor, and comes back to it: room for them is made first."""
    count = len(lines)
    room = DOWN * count + UP.format(count)
    return f"{room}{SAVE}\r\n{WIPE}" + "\r\n".join(lines) + RESTORE


class Region:
    """What is drawn on one terminal; from any thread."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.RLock()  # a signal's handler may print while something is printed
        self._drawn: tuple[str, ...] = ()
        self._watched: dict[Any, Callable[[], None]] = {}  # by stream: what lets go of it
        self._write = stream.write
        self._amid_line = False  # somebody has begun a line, and not ended it

    @property
    def drawn(self) -> bool:
        """Whether anything is there."""
        return bool(self._drawn)

    def draw(self, lines: Sequence[str]) -> None:
        """These, in place of what was there."""
        with self._lock:
            if tuple(lines) == self._drawn:
                return
            self._watch()
            self._put(below(lines))
            self._drawn = tuple(lines)

    def clear(self, *, wipe: bool = True) -> None:
        """Nothing is there any more, and nobody is watched; not ``wipe``: it is left as it is."""
        with self._lock:
            if wipe:
                with contextlib.suppress(Exception):  # a terminal that is gone needs no wiping
                    self._wipe()
            self._drawn = ()
            for let_go in self._watched.values():
                let_go()
            self._watched.clear()

    def say(self, text: str) -> None:
        """A line that stays, above what is drawn."""
        with self._lock:
            self._wipe()
            begin = "\r\n" if self._amid_line else ""
            self._put(f"{begin}{text}\r\n")
            self._amid_line = False

    def leave(self) -> None:
        """In a forked child: what is drawn is the parent's, and so is the lock."""
        self._lock = threading.RLock()
        self._drawn = ()
        for let_go in self._watched.values():
            let_go()
        self._watched.clear()

    def _put(self, text: str) -> None:
        self._write(text)
        self._stream.flush()

    def _wipe(self) -> None:
        if self._drawn:
            self._drawn = ()
            self._put(WIPE)

    def _watch(self) -> None:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None and stream not in self._watched and _is_terminal(stream):
                with contextlib.suppress(AttributeError, TypeError):  # it has no room for it
                    self._watched[stream] = self._watch_one(stream)

    def _watch_one(self, stream: Any) -> Callable[[], None]:
        before = stream.write

        def write(text: str) -> Any:
            with self._lock:
                if self._drawn and text:
                    with contextlib.suppress(Exception):  # it is his line that counts
                        self._wipe()
                if text:
                    self._amid_line = not text.endswith("\n")
                return before(text)

        def let_go() -> None:
            if vars(stream).get("write") is write:  # else somebody else watches, too
                del stream.write

        if "write" in vars(stream):  # it is somebody else's already: his is kept as it is
            raise TypeError
        stream.write = write
        return let_go


def _is_terminal(stream: Any) -> bool:
    with contextlib.suppress(Exception):
        return bool(stream.isatty())
    return False
