"""How many requests a server lets an application make: told by headers, or found out.

Until anything tells, requests may come faster and faster, from a few a second on. A refusal (429)
halves what was made of late, and from there it grows again, slowly. What a centre states, by
headers or through the user, counts instead. The quota is the application's: colleagues may share
it, so some of what is left stays theirs.
"""

from __future__ import annotations

import asyncio
import re
import time
import weakref
from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

BEGINS = 5.0  # requests a second, while nothing tells of a limit
GROWS = 0.5  # more of them after each answer
MOST = 60.0
USUAL = 1.0  # after the first refusal, however little was asked: others may have used it up
LEAST = 0.1  # after more of them
SLOWEST = 0.01  # whatever is stated or left
BURST = 60.0  # requests that may be made at once
DOUBLES = 120.0  # seconds in which the rate doubles once a limit was met
MINUTE = 60.0  # seconds over which is counted what was made
MOMENT = 5.0  # seconds of the rate that may be made at once, once a limit was met
OURS = 0.8  # of what is left: colleagues may have as much in mind
AT_ONCE = 0.2  # of what is stated; the rest is earned
EARNED_TOLD, AT_ONCE_TOLD = 0.64, 0.6  # of what is left, which each answer tells anew
FARTHEST = 3600.0  # seconds: a reset that is farther away is none that a run waits for
EPOCH = 1e6  # a reset of more seconds is a time of day

_LEFT = ("RateLimit-Remaining", "X-RateLimit-Remaining", "X-Rate-Limit-Remaining")
_RESET = ("RateLimit-Reset", "X-RateLimit-Reset", "X-Rate-Limit-Reset")
_MINUTE = "X-RateLimit-Remaining-Minute"
_NUMBER = re.compile(r"\s*(\d{1,12})(?:\.\d*)?")
_ONE_LEFT = re.compile(r"\b(?:remaining|r)=(\d{1,12})")
_ONE_RESET = re.compile(r"\b(?:reset|t)=(\d{1,12})")


class Allowed(NamedTuple):
    """Requests a second; at once, at most; of none, and until there are more."""

    rate: float
    burst: float
    rest: float
    renews: float = 0.0  # 0: nothing tells


class Told(NamedTuple):
    """Requests that are left, and until when."""

    left: float
    until: float


class Quota:
    """Of one application at one server, for all runs of this process. Times are a loop's."""

    def __init__(self) -> None:
        self._rate = BEGINS
        self._met = False  # a limit, now or by an earlier process
        self._grown = 0.0  # when the rate last was, since then
        self._made: deque[float] = deque()  # when, within the last minute
        self._stated: float | None = None  # requests a minute
        self._told: Told | None = None
        self._rest = 0.0  # until when

    @property
    def remembered(self) -> float | None:
        """The rate that the next process should begin with; None while no limit was met."""
        return self._rate if self._met else None

    def recall(self, rate: float, now: float) -> None:
        """What an earlier process has found."""
        if not self._met:
            self._met, self._rate, self._grown = True, min(MOST, max(LEAST, rate)), now

    def state(self, per_minute: float) -> None:
        """What the centre allows, as the user says."""
        self._stated = per_minute

    def answered(self, status: int, headers: Mapping[str, str], after: float, now: float) -> None:
        """A request was made; ``after``: the seconds that its refusal asks to wait."""
        while self._made and self._made[0] < now - MINUTE:
            self._made.popleft()
        told = limits(headers)
        self._told = Told(told[0], now + told[1]) if told else None
        if status == 429:
            self._refused(after, now)
        else:
            self._made.append(now)
            self._grow(now)

    def _refused(self, after: float, now: float) -> None:
        """What was made is what was allowed from then until the server allows more."""
        if now >= self._rest:  # else it is another of those that were under way
            first = self._made[0] if self._made else now
            seconds = min(MINUTE, max(1.0, now - first + after))
            found = max(USUAL, len(self._made) / seconds / 2)
            half = max(LEAST, self._rate / 2)
            self._rate = half if self._met else min(self._rate, found)
        self._met, self._grown, self._rest = True, now, max(self._rest, now + after)

    def _grow(self, now: float) -> None:
        if not self._met:
            self._rate = min(MOST, self._rate + GROWS)
        elif len(self._made) >= self._rate * MINUTE / 2:  # it is made use of
            self._rate = min(MOST, self._rate * 2 ** ((now - self._grown) / DOUBLES))
        self._grown = now

    def allowed(self, now: float, shares: int = 1) -> Allowed:
        """What one of so many runs may do."""
        rate, burst = self._rate, BURST if not self._met else self._rate * MOMENT
        if self._stated is not None:
            rate, burst = (1 - AT_ONCE) * self._stated / MINUTE, AT_ONCE * self._stated
        told, renews = self._told, 0.0
        if told is not None and now < told.until:
            renews = told.until - now
            ours = OURS * told.left
            rate, burst = EARNED_TOLD * ours / max(1.0, renews), AT_ONCE_TOLD * ours
            self._rest = max(self._rest, told.until) if told.left < 1 else self._rest
        shares = max(1, shares)
        most = max(1.0, min(BURST, burst) / shares)
        rest = max(0.0, self._rest - now)
        return Allowed(max(SLOWEST, min(MOST, rate)) / shares, most, rest, renews)


def limits(headers: Mapping[str, str]) -> tuple[float, float] | None:
    """(requests left, seconds until there are more), where an answer's headers tell both.

    As of RFC drafts (``RateLimit``, in both of its forms, or ``RateLimit-Remaining`` and
    ``-Reset``), with the prefix ``X-``, and of Kong (``X-RateLimit-Remaining-Minute``).
    """
    both = headers.get("RateLimit", "")
    left, reset = _ONE_LEFT.search(both), _ONE_RESET.search(both)
    if not (left and reset):
        left, reset = _number(headers, _LEFT), _number(headers, _RESET)
    if left and reset:
        seconds = float(reset[1])
        seconds = seconds - time.time() if seconds > EPOCH else seconds
        return (float(left[1]), seconds) if 0 <= seconds <= FARTHEST else None
    left = _number(headers, (_MINUTE,))
    return (float(left[1]), MINUTE) if left else None


def _number(headers: Mapping[str, str], names: tuple[str, ...]) -> re.Match[str] | None:
    """The first of several, as gateways with several limits tell them."""
    return next((found for name in names if (found := _NUMBER.match(headers.get(name, "")))), None)


_quotas: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, str], Quota]] = (
    weakref.WeakKeyDictionary()
)


def quota(url: str, client_id: str) -> Quota:
    """The one of an application at a server, for all clients of the running loop."""
    known = _quotas.setdefault(asyncio.get_running_loop(), {})
    return known.setdefault((url, client_id), Quota())
