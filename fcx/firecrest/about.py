"""What a server tells of its systems, of us there, and of itself. Each method is one request."""

from __future__ import annotations

from . import answers
from .answers import Health, Identity, Partition
from .connection import Connection, Heard
from .retries import Requests


class About:
    """Asked where something is to be explained; a run needs nothing of it."""

    def __init__(self, connection: Connection, requests: Requests, system: str) -> None:
        self._connection = connection
        self._requests = requests
        self._system = system

    @property
    def heard(self) -> Heard | None:
        """What came with the last answer; None before the first one."""
        return self._connection.heard

    async def log_in(self) -> None:
        """Have a token. It is no request to the API, whose address it says nothing of."""
        await self._requests.make("log in", lambda api: api.log_in(), answers.read_nothing)

    async def health(self) -> dict[str, list[Health]]:
        """The services of each system."""
        return await self._requests.make(
            "list the systems", lambda api: api.systems(), answers.read_health
        )

    async def identity(self) -> Identity:
        """Who jobs run as, and who may pay for them."""
        return await self._requests.make(
            "ask who we are", lambda api: api.userinfo(self._system), answers.read_identity
        )

    async def partitions(self) -> list[Partition]:
        """The partitions of the system, hidden ones too."""
        return await self._requests.make(
            "list the partitions",
            lambda api: api.all_partitions(self._system),
            answers.read_partitions,
        )
