"""Tasks that take the values of others: whose they are, and how those ended.

::

    submit(f, other) ──> held ── other leaves ──> inbox ── other has a value ──> claimed
                           └────── other failed, or was cancelled ──> settled as that

A task that waits does so in the inbox, where it is claimed once the value stands in a log: whether
the client lives by then or not. It does not leave before the other, as a client that died in
between would have left it alone there. No pilot is submitted for it. What another gave is kept for
as long as a task that takes it has no outcome: it may be sent once more.
"""

from __future__ import annotations

from .actions import DropValue, KeepValue
from .requests import Requests

VALUE, FAILED, CANCELLED = "value", "failed", "cancelled"


class Dependencies:
    """By the task whose value it is."""

    def __init__(self, requests: Requests) -> None:
        self.requests = requests
        self._takers: dict[str, dict[str, None]] = {}  # those that have no outcome
        self._ended: dict[str, str] = {}  # how it did, where somebody takes it
        self._handed_on: dict[str, None] = {}  # the caller does not want these himself
        self._left: dict[str, None] = {}  # where they lie, though the caller may want them
        self._closing = False

    def add(self, taker: str, of: str, ended: str | None) -> None:
        """One takes the value of another, which has ended so, or not yet."""
        if of not in self._takers:
            self._takers[of] = {}
            self.requests.note(KeepValue(of))
        self._takers[of][taker] = None
        if ended is not None:
            self._ended[of] = ended

    def is_taken(self, of: str) -> bool:
        """Whether one that has no outcome takes its value."""
        return of in self._takers

    def takers(self, of: str) -> list[str]:
        """Who takes its value."""
        return list(self._takers.get(of, ()))

    def end(self, of: str, how: str) -> list[str]:
        """It has ended: who takes its value."""
        takers = self.takers(of)
        if takers:
            self._ended[of] = how
        return takers

    def hand_on(self, of: str) -> None:
        """The caller does not want its value himself."""
        self._handed_on[of] = None

    def stays(self, of: str) -> bool:
        """Whether a large value is left where it lies: it goes to other tasks from there."""
        if of in self._handed_on:
            return True
        if self._closing or of not in self._takers:
            return False
        self._left[of] = None
        return True

    @property
    def unfetched(self) -> bool:
        """Whether values lie there that the caller may want yet."""
        return bool(self._left)

    def close(self) -> list[str]:
        """The run is about to end: values that the caller may want yet."""
        left, self._left, self._closing = list(self._left), {}, True
        return left

    def rename(self, of: str, to: str) -> list[str]:
        """It is known under another id now: who takes its value."""
        takers = self._takers.pop(of, {})
        if takers:
            self._takers[to] = takers
            self.requests.note(KeepValue(to))
        return list(takers)

    def how(self, of: str) -> str | None:
        """How it ended, if it has."""
        return self._ended.get(of)

    def lacking(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Those of these that have not given their values."""
        return tuple(of for of in names if self._ended.get(of) != VALUE)

    def over(self, taker: str, names: tuple[str, ...]) -> None:
        """A task that takes these has an outcome."""
        for of in names:
            takers = self._takers.get(of, {})
            takers.pop(taker, None)
            if of in self._takers and not takers:
                del self._takers[of]
                self._ended.pop(of, None)
                self.requests.note(DropValue(of))
