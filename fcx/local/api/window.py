"""A gateway's quota of requests, as the fault of that name has it: so many in each ten seconds."""

from __future__ import annotations

import math
from dataclasses import dataclass

SECONDS = 10.0


@dataclass
class Window:
    """The ten seconds that are now, and what was asked in them."""

    began: float = float("-inf")
    made: int = 0
    most: float = math.inf

    def take(self, most: float, now: float) -> bool:
        """One request; whether there was one left."""
        if now >= self.began + SECONDS:
            self.began, self.made = now, 0
        self.most = most
        self.made += 1
        return self.made <= most

    def headers(self, now: float) -> dict[str, str]:
        """As of the RFC's draft."""
        return {
            "ratelimit-limit": f"{self.most:.0f}",
            "ratelimit-remaining": f"{max(0.0, self.most - self.made):.0f}",
            "ratelimit-reset": self.reset(now),
        }

    def reset(self, now: float) -> str:
        """Whole seconds until there are more."""
        return str(max(1, math.ceil(self.began + SECONDS - now)))
