"""How many requests may be made, and when the next one is earned."""

from __future__ import annotations

import math

from .actions import Action, Fetch, ListFolder, ListJobs, ReadLog, SubmitPilot, UploadBundle
from .events import Allowed

DEBT = 4.0  # requests that may be owed: looks have their share, whatever is uploaded
SHARE_WAITS = 5.0  # seconds that the debt may hold up a look, where so much is earned in them
BURST = 60.0  # requests that may be made at once, while nothing is known of what is allowed
RATE = 1.0  # requests per second that are earned meanwhile
EXTERNAL = 20.0  # requests of a transfer through the site's staging area: its jobs are asked after

CHARGED = (SubmitPilot, ListFolder, ReadLog, UploadBundle)


def cost(action: Action) -> float:
    """How many requests an action counts for: what recurs is charged, what is made once is not."""
    if isinstance(action, Fetch):
        return float(action.parts) if action.external is None else EXTERNAL
    if isinstance(action, ListJobs):
        return float(max(1, len(action.jobs)))
    return 1.0 if isinstance(action, CHARGED) else 0.0


class Budget:
    """Of one run: its share of what the server allows."""

    def __init__(self) -> None:
        self._rate, self._burst, self._rest = RATE, BURST, 0.0
        self._tokens = BURST
        self._earned = 0.0
        self._renewed = math.inf  # when the server begins to count anew
        self._fresh = False  # it has, and has not yet said what it allows

    def allow(self, told: Allowed, now: float) -> None:
        """So much may be asked from now on, and nothing recurring for ``rest`` seconds."""
        more = told.renews > 0.0 and told.burst > self._burst
        fresh = more or self._fresh or now >= self._renewed
        self._tokens = told.burst if fresh else min(told.burst, self._level(now))
        self._rate, self._burst, self._earned = told.rate, told.burst, now
        self._rest = now + told.rest
        self._renewed = now + told.renews if told.renews else math.inf
        self._fresh = False

    def _level(self, now: float) -> float:
        level = min(self._burst, self._tokens + (now - self._earned) * self._rate)
        return max(level, 1.0) if now >= self._renewed else level

    def spend(self, requests: float, now: float) -> None:
        """Note requests that are made."""
        if requests:
            debt = min(DEBT, max(0.0, SHARE_WAITS * self._rate - 1.0))
            self._tokens = max(-debt, self._level(now) - requests)
            self._earned = now
            if now >= self._renewed:  # this one's answer tells what there is
                self._renewed, self._fresh = math.inf, True

    def short(self, now: float) -> bool:
        """Whether requests must be saved: what can travel together then waits for the other."""
        return self._level(now) < 1.0

    def ready(self) -> float:
        """When the next look is earned, and no rest is asked for."""
        earned = self._earned + max(0.0, 1.0 - self._tokens) / self._rate
        return max(min(earned, self._renewed), self._rest)
