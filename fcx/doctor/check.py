"""A check: its name, those that it takes something of, and what it finds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum

from .case import Case


class State(str, Enum):
    """What a check has come to, in a word."""

    FINE = "fine"
    WARNING = "warning"  # work can be done, and something may surprise
    WRONG = "wrong"
    UNTRIED = "not tried"  # what it takes is wrong


@dataclass(frozen=True)
class Found:
    """What a check says. ``fix``: a command or a setting; ``details``: a line each.

    ``usable``: whether those that take something of it can be tried.
    """

    state: State
    said: str
    fix: str = ""
    details: tuple[str, ...] = ()
    usable: bool = True


Look = Callable[[Case], Found] | Callable[[Case], Awaitable[Found]]
"""What looks: a coroutine makes requests; a plain function may block, and has a thread."""


@dataclass(frozen=True)
class Check:
    """``needs``: names of checks before it. ``fix``: of an error that it raises, by its words.

    ``serious``: whether nothing can be done where it raises, or nothing answers.
    """

    name: str
    look: Look
    needs: tuple[str, ...] = ()
    fix: str | Callable[[str], str] = ""
    serious: bool = True

    def failed(self, text: str) -> Found:
        """What an error says; the fix is its own, where it names one."""
        said, own = parted(text)
        fix = own or (self.fix if isinstance(self.fix, str) else self.fix(said))
        return wrong(said, fix) if self.serious else warning(said, fix, usable=False)


@dataclass(frozen=True)
class Result:
    """What became of a check. ``root``: the one that is to be put right first, if not this one."""

    name: str
    found: Found
    root: str = ""

    @property
    def state(self) -> State:
        """In a word."""
        return self.found.state

    @property
    def blocks(self) -> bool:
        """Whether those that need it cannot be tried."""
        return not self.found.usable


def fine(said: str, details: tuple[str, ...] = ()) -> Found:
    """Nothing is wrong."""
    return Found(State.FINE, said, details=details)


def warning(said: str, fix: str, details: tuple[str, ...] = (), *, usable: bool = True) -> Found:
    """Something may surprise."""
    return Found(State.WARNING, said, fix.replace("`", ""), details, usable)


def wrong(said: str, fix: str, details: tuple[str, ...] = (), *, usable: bool = False) -> Found:
    """Something has to be put right; unless it is ``usable``, before what takes something of it."""
    return Found(State.WRONG, said, fix.replace("`", ""), details, usable)


def parted(text: str) -> tuple[str, str]:
    """What is wrong and the fix, of a text in which ``Fix:`` stands between them."""
    said, _, fix = text.partition("Fix: ")
    return said.rstrip(" ."), fix.strip(" .")
