"""What is so large that the site's staging area is worth its jobs, and until when.

A transfer waits for jobs of the server's own, in the queue and in turns of up to a minute: so only
what is many requests otherwise goes that way, and once it has come to nothing in a run, nothing
does any more.
"""

from __future__ import annotations

from typing import Any

from .actions import External, Fetch
from .events import Fetched, Uploaded
from .requests import Requests

QUEUE = 120.0  # seconds for which its jobs may wait in the queue
BEGINS = 240.0  # seconds for all of it, whatever its size: the server looks once a minute
RATE = 10e6  # bytes a second that it brings at least

DAMAGED = "what came of it is not what was written"


class Transfers:
    """Of one run."""

    def __init__(self, requests: Requests, least: int) -> None:
        self.requests = requests
        self.least = least
        self._over = False

    def of(self, size: int) -> External | None:
        """How something of this size may go; None: in parts."""
        if self._over or size < self.least:
            return None
        return External(QUEUE, BEGINS + size / RATE)

    def heard(self, action: Any, event: Any) -> None:
        """What became of one that might go so."""
        if not isinstance(event, Uploaded | Fetched) or action.external is None:
            return
        why = event.parts
        if isinstance(action, Fetch) and isinstance(event, Fetched):
            if why is not None:
                self.requests.budget.spend(float(action.parts), self.requests.now)
            elif not event.whole:
                why = DAMAGED
        if why is not None:
            self._give_up(why)

    def _give_up(self, why: str) -> None:
        """A site without one has nothing to be told of."""
        if why and not self._over:
            self.requests.say(
                f"What is large goes in parts from now on, as what is small does, and not through "
                f"the site's staging area: {why.rstrip('.')}",
                "warning",
            )
        self._over = True
