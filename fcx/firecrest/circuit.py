"""Whether a server can be used at present, and the lines that say so.

One request that fails is said, now and then. When none has succeeded for some seconds the circuit
opens: one line then, another every ten minutes, and one when it closes.
"""

from __future__ import annotations

import logging
import time

from .failures import Passing

COMPLAINTS = 30.0  # seconds between two words about single requests that fail
OPENS = 10.0  # seconds of failures alone after which the circuit is open
LEAST = 3  # failures that it takes
REMINDERS = 600.0  # seconds between two words about a circuit that is open
EXPLAINS = "`fcx doctor` finds out"
LONGEST_PAUSE = 30.0  # seconds between two attempts, jitter apart


class Circuit:
    """All requests of one client to one server."""

    def __init__(self, url: str, log: logging.Logger) -> None:
        self.reached = False  # a request has succeeded
        self._url = self._server = url  # the API's, and of what failed last
        self._log = log
        self._since: float | None = None  # of the first failure after the last success
        self._failures = 0
        self._said = float("-inf")
        self._open = False

    def rest(self, now: float) -> float:
        """Seconds that any request should wait: none at first, more in a longer outage."""
        if not self._open or self._since is None:
            return 0.0
        return min(LONGEST_PAUSE, (now - self._since) / 2)

    def fail(self, now: float, what: str, error: Passing) -> None:
        """A request has failed, and will be repeated."""
        self._server = error.server or self._url
        told = str(error).rstrip(".")
        self._failures += 1
        self._since = now if self._since is None else self._since
        if self._open or (now - self._since >= OPENS and self._failures >= LEAST):
            self._opened(now, self._since, told)
        elif now - self._said > COMPLAINTS:
            self._said = now
            first = "" if self.reached else f"; if it stays so, {EXPLAINS} why"
            self._log.warning(f"Could not {what}: {told}. Trying again{first}")

    def left_alone(self, now: float, error: Passing) -> None:
        """The server asks for a pause that is too long for a request: whoever made it has it."""
        if now - self._said > COMPLAINTS:
            self._said = now
            self._log.warning(
                f"{error.server or self._url} asks to be left alone for {error.after:.0f} s: "
                f"{str(error).rstrip('.')}. What runs on the cluster goes on"
            )

    def _opened(self, now: float, since: float, told: str) -> None:
        if self._open and now - self._said < REMINDERS:
            return
        self._open, self._said = True, now
        begun = time.strftime("%H:%M:%S", time.localtime(time.time() - (now - since)))
        self._log.warning(
            f"{self._server} cannot be used since {begun} ({now - since:.0f} s): {told}. Requests "
            f"are repeated at most {LONGEST_PAUSE:.0f} s apart; what runs on the cluster goes on"
        )

    def close(self, now: float) -> None:
        """A request has succeeded."""
        if self._open and self._since is not None:
            self._log.warning(f"{self._server} can be used again, after {now - self._since:.0f} s")
        self.reached, self._open, self._since, self._failures = True, False, None, 0
