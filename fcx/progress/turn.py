"""Whose turn it is to draw on a terminal that several processes write to: one draws at a time.

A lock on the terminal itself says so, which ends with the process that has it, however that ends.
"""

from __future__ import annotations

import contextlib
import os
from typing import TextIO

try:
    import fcntl
except ImportError:  # Windows: nobody else draws there that could be asked
    fcntl = None  # type: ignore[assignment]


def device(stream: TextIO) -> str:
    """The terminal that a stream writes to; empty where that has no name."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        return os.ttyname(stream.fileno())
    return ""


class Turn:
    """The turn of this process on one terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._device = device(stream)
        self._held: int | None = None

    def take(self) -> bool:
        """Whether it is ours now: also where nobody can tell."""
        if self._held is not None or not self._device or fcntl is None:
            return True
        try:
            opened = os.open(self._device, os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError:
            return True
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(opened)
            return not isinstance(error, BlockingIOError)
        self._held = opened
        return True

    def give(self) -> None:
        """Others may have it. In a forked child, too: then the parent keeps it."""
        held, self._held = self._held, None
        if held is not None:
            with contextlib.suppress(OSError):
                os.close(held)
