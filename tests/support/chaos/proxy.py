"""A real HTTP proxy before a server: a share of the requests goes wrong, by a seed.

Each connection carries one request. Which fault meets which request depends on their order, so one
seed gives the same faults, but not always to the same requests.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Iterator, Mapping

from chaos.faults import KINDS, Answer, Fault
from chaos.relay import Relay, Request, serving


class ChaosProxy:
    """Stands in for the server at ``url``, its token endpoint included."""

    def __init__(self, url: str, share: float, seed: int) -> None:
        self.share = share
        self.requests = 0
        self.faults: Counter[str] = Counter()  # how often each occurred
        self.relay = Relay(url, self._treat)
        self._random = random.Random(seed)

    def env(self, env: Mapping[str, str]) -> dict[str, str]:
        """The six variables, with the proxy in the place of the server."""
        return self.relay.env(env)

    async def _treat(self, request: Request) -> Answer | None:
        self.requests += 1
        fault = self._fault()
        if fault is None:
            return await self.relay.forward(request)
        self.faults[fault.name] += 1
        await asyncio.sleep(fault.delay * self._random.random())
        real = await self.relay.forward(request) if fault.forwards else None
        return fault.answer(self._random, real)

    def _fault(self) -> Fault | None:
        return self._random.choice(KINDS) if self._random.random() < self.share else None


@contextlib.contextmanager
def chaos_proxy(url: str, share: float, seed: int) -> Iterator[ChaosProxy]:
    """One that serves for as long as the context lasts."""
    proxy = ChaosProxy(url, share, seed)
    with serving(proxy.relay):
        yield proxy
