"""What the server lets a run ask: its share of what all runs of this application may."""

from __future__ import annotations

import asyncio
import hashlib

from ...state.presence import Presence
from ..core.events import Allowed
from .context import Context

AGE = 7 * 86400.0  # seconds for which a limit that was met is remembered
COUNTED = 10.0  # seconds between two counts of the runs that share it
NEWS = 1.1  # times more or less than before
ANEW = 2.0  # seconds later than was told: they count anew by now, and whole seconds are told


class Usage:
    """Tells the core when it is another; remembers a limit that was met, for those that follow."""

    def __init__(self, context: Context) -> None:
        credentials = context.settings.credentials
        self.context = context
        self._what = f"requests {credentials.api_url} {credentials.client_id}"
        shared = hashlib.sha256(self._what.encode()).hexdigest()[:16]
        self.sharing = Presence(f"requests-{shared}", who=context.identity.id)
        self._shares = 1
        self._counted = float("-inf")
        self._recalled: float | None = None
        self._told = Allowed(0.0, 0.0)
        self._renewed = 0.0

    def recall(self) -> None:
        """What an earlier process has found; not in the loop."""
        rate = self.context.memory.get(self._what, AGE)
        self._recalled = rate if isinstance(rate, float) else None
        self.sharing.hold()

    def news(self) -> Allowed | None:
        """What the core is to be told; in the loop."""
        now, quota = asyncio.get_running_loop().time(), self.context.client.quota
        if self._recalled is not None:
            quota.recall(self._recalled, now)
            self._recalled = None
        stated = self.context.settings.table.requests_per_minute
        if stated is not None:
            quota.state(stated)
        if now - self._counted >= COUNTED:
            self._counted, self._shares = now, max(1, self.sharing.count())
        found = Allowed(*quota.allowed(now, self._shares))
        renewed = now + found.renews if found.renews else 0.0
        same = _alike(found.rate, self._told.rate, found.burst, self._told.burst)
        if same and not found.rest and abs(renewed - self._renewed) < ANEW:
            return None
        self._told, self._renewed = found, renewed
        return found

    async def keep(self) -> None:
        """For the next process; at the end."""
        rate = self.context.client.quota.remembered
        if rate is not None:
            await asyncio.to_thread(self.context.memory.store, self._what, rate)
        self.sharing.release()


def _alike(*pairs: float) -> bool:
    """Whether each second number is about the one before it."""
    return all(
        new <= old * NEWS and old <= new * NEWS
        for new, old in zip(pairs[::2], pairs[1::2], strict=True)
    )
