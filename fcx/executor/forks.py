"""Forks: a child has none of its parent's runs, and exits as any child does.

Threads do not survive a fork, and the locks that they held stay locked. So whatever waits for
another thread, or wakes one, registers here, and is left for good in the child; the parent's stays
as it is.
"""

from __future__ import annotations

import os
import weakref
from typing import Protocol

FOREIGN = (
    "this {what} belongs to the process that forked this one: use it there, and make an executor "
    "of its own in this process (after the fork, or start processes by spawn)"
)


class Inherited(Protocol):
    """What a child cannot use."""

    def leave(self) -> None:
        """In the child: hold nobody up, and touch nothing outside this process."""


_parts: weakref.WeakSet[Inherited] = weakref.WeakSet()


def left_in_children(part: Inherited) -> None:
    """Have it left in each child that is forked from now on."""
    _parts.add(part)


def _leave() -> None:
    for part in list(_parts):
        part.leave()
    _parts.clear()


if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    os.register_at_fork(after_in_child=_leave)
