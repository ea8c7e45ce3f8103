"""One request until it has succeeded: what passes is repeated, within the caller's patience."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from ..errors import CredentialsRefused, Unreachable
from .circuit import EXPLAINS, LONGEST_PAUSE, Circuit
from .connection import Ask, Came
from .failures import Passing, StaleToken

T = TypeVar("T")

FIRST_CONTACT = 60.0  # seconds, while no request has succeeded yet: the address may be wrong
SURE = 4  # times running that a failure must come before it is taken for what it seems to mean
RESTART = 12.0  # and seconds for which it must, where a gateway that restarts would say the same
LAST_PATIENCE = 8.0  # seconds of patience while the caller waits to leave


class Line(Protocol):
    """What a request goes through: a ``Connection``."""

    @property
    def url(self) -> str:
        """Of the server."""

    async def once(self, what: str, ask: Ask, *, large: bool = False) -> Came:
        """One request; ``large``: it carries megabytes, one way or the other."""

    def forget_token(self) -> None:
        """The API did not take it."""


@dataclass(frozen=True)
class Answer(Generic[T]):
    """What was asked for; the seconds that the answer took.

    ``doubtful``: an earlier attempt failed that may have been carried out all the same.
    """

    value: T
    seconds: float
    doubtful: bool


@dataclass
class Attempts:
    """What became of one request so far."""

    began: float
    failures: int = 0
    once: bool = False  # it is not to be carried out twice
    doubtful: bool = False
    renewed: bool = False  # the token was, since the API last took one
    meant: str = ""  # by the last failure
    alike: int = 0  # failures running that meant the same
    since: float = 0.0  # of the first of these

    def count(self, error: Passing, now: float) -> float:
        """One failure more. Seconds until its meaning is sure: infinity while there is none."""
        self.failures += 1
        self.doubtful = self.doubtful or error.sent
        meant = str(error.meaning or "")
        if meant != self.meant:
            self.meant, self.alike, self.since = meant, 0, now
        self.alike += 1
        if not meant or self.alike < SURE:
            return math.inf
        return max(0.0, self.since + RESTART - now) if error.restarts else 0.0


class Requests:
    """Makes requests on one connection; its clock is the running loop's.

    ``patience``: seconds for which one request is repeated. ``rng`` gives the jitter.
    """

    def __init__(
        self, line: Line, patience: float, log: logging.Logger, rng: random.Random
    ) -> None:
        self.patience = patience
        self.made_for: Counter[str] = Counter()  # requests, by what for; repeated ones each time
        self.answered = 0  # of these, as they should be
        self._line = line
        self._log = log
        self._rng = rng
        self._circuit = Circuit(line.url, log)
        self.leaving = asyncio.Event()  # the caller is

    @property
    def made(self) -> int:
        """How many requests, those that are repeated each time."""
        return self.made_for.total()

    @property
    def reached(self) -> bool:
        """Whether any request ever succeeded."""
        return self._circuit.reached

    async def make(
        self,
        what: str,
        ask: Ask,
        read: Callable[[object], T],
        *,
        large: bool = False,
        once: bool = False,
    ) -> T:
        """The answer to a request, made a record by ``read``; ``what`` is said in errors.

        ``once``: not repeated where it may have been carried out.
        """
        return (await self.answer(what, ask, read, large=large, once=once)).value

    async def answer(
        self,
        what: str,
        ask: Ask,
        read: Callable[[object], T],
        *,
        large: bool = False,
        once: bool = False,
    ) -> Answer[T]:
        """The same, with what is known of its way."""
        so_far = Attempts(self._now(), once=once)
        while True:
            self.made_for[what.partition(" /")[0]] += 1
            try:
                came = await self._line.once(what, ask, large=large)
                value = read(came.answer)
            except StaleToken as error:
                self._line.forget_token()
                if so_far.renewed:  # a new one was not taken either: it may pass all the same
                    refused = CredentialsRefused(f"Could not {what}: {error}")
                    await self._again(
                        so_far, what, Passing(str(error), sent=False, meaning=refused)
                    )
                so_far.renewed = True
            except Passing as error:
                await self._again(so_far, what, error)
            else:
                self.answered += 1
                self._circuit.close(self._now())
                self._log.debug(f"{what}: done in {came.seconds:.3f} s")
                return Answer(value, came.seconds, so_far.doubtful)

    async def _again(self, so_far: Attempts, what: str, error: Passing) -> None:
        """A pause before the next attempt. Raises if there is to be none."""
        now = self._now()
        unsure = math.inf if error.early and self.reached else 0.0
        unsure = max(unsure, so_far.count(error, now))
        if error.meaning is not None and not unsure:
            raise error.meaning from None
        rest = pause(so_far.failures, error.after, self._rng)
        rest = max(rest, self._circuit.rest(now) * self._rng.uniform(0.5, 1.0))
        rest = max(error.after, min(rest, unsure))
        if so_far.once and so_far.doubtful:
            raise (error.meaning or Unreachable(f"Could not {what}: {error}")) from None
        if now + rest > so_far.began + self._allowed():
            if error.after:
                self._circuit.left_alone(now, error)
            raise self._unreachable(what, error, now - so_far.began) from None
        self._circuit.fail(now, what, error)
        await self._nap(rest)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()

    def hurry(self) -> None:
        """The caller is leaving: what fails is repeated for some seconds more, and given up."""
        self.patience = min(self.patience, LAST_PATIENCE)
        self.leaving.set()

    def _allowed(self) -> float:
        return self.patience if self.reached else min(self.patience, FIRST_CONTACT)

    def _unreachable(self, what: str, error: Passing, spent: float) -> Unreachable:
        where, variable = f" at {self._line.url}", "FIRECREST_URL"
        if error.server:
            where, variable = f", for want of a token from {error.server}", "AUTH_TOKEN_URL"
        fix = "look at the site's status page, then run again"
        if not self.reached:
            fix = f"check {variable}, and the network: {EXPLAINS} more"
        tried = f"It was tried for {spent:.0f} s; {fix}" if spent >= 1 else fix[0].upper() + fix[1:]
        told = f"Could not {what}{where}: {str(error).rstrip('.')}. {tried}."
        return Unreachable(told, error.after)

    async def _nap(self, seconds: float) -> None:
        """A pause that ends when the caller begins to leave."""
        if self.leaving.is_set():
            await asyncio.sleep(seconds)
        else:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self.leaving.wait(), seconds)


def pause(failures: int, after: float, rng: random.Random) -> float:
    """Seconds until the next attempt: none at first, for a connection may just have been closed.

    Then doubling, with jitter, so that those whom one outage hit do not come back as one; at least
    as long as the server asked for (``after``).
    """
    doubled = 0.0 if failures <= 1 else min(LONGEST_PAUSE, 0.5 * 2.0 ** min(failures - 2, 10))
    return max(doubled * rng.uniform(0.5, 1.5), after * rng.uniform(1.0, 1.25))
