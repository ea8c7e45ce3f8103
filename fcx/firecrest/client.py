"""One system behind one FirecREST server, for one account."""

from __future__ import annotations

import logging
import random

from ..config import Credentials
from . import answers
from .about import About
from .connection import Connection
from .files import Files
from .jobs import Jobs
from .quota import Quota
from .retries import Requests
from .stage import Stage
from .transfer import Transfers

PATIENCE = 900.0  # seconds awake for which a request is repeated


class Client:
    """Its methods run in an event loop. At most four requests are under way per process and server.

    Requests are repeated through dropped connections, 5xx, 429 and answers that make no sense, for
    as long as ``patience`` allows; what is refused is not. Over the door come Unreachable,
    CredentialsRefused, RequestRefused, NoSuchPath and JobRefused, and no other library's errors.
    ``rng`` gives the jitter of the pauses.
    """

    def __init__(
        self,
        credentials: Credentials,
        patience: float = PATIENCE,
        logger: logging.Logger | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self.system = credentials.system
        self._connection = Connection(credentials)
        self.requests = Requests(
            self._connection,
            patience,
            logger or logging.getLogger("fcx"),
            rng or random.Random(),  # noqa: S311 - pauses are no secret
        )
        self.about = About(self._connection, self.requests, credentials.system)
        self.jobs = Jobs(self.requests, self.about, credentials.system, credentials.account)
        self.files = Files(self.requests, credentials.system, credentials.account)
        self.transfers = Transfers(self.requests, credentials.system, credentials.account)
        self.stage = Stage()

    @property
    def reached(self) -> bool:
        """Whether any request ever succeeded."""
        return self.requests.reached

    @property
    def quota(self) -> Quota:
        """What the server lets this application ask, of all runs together; only in a loop."""
        return self._connection.quota

    def begin(self) -> None:
        """Do beside the caller what the first request would have to wait for; from any thread."""
        self._connection.begin()

    async def open(self) -> None:
        """Make ready for requests; the first one does it too."""
        await self._connection.open()

    async def close(self) -> None:
        """Let go of the connections."""
        await self._connection.close()
        await self.stage.close()

    def hurry(self) -> None:
        """The caller is leaving: what fails is repeated for some seconds more, and given up."""
        self.requests.hurry()

    async def user(self) -> str:
        """Name of the user that jobs run as."""
        return await self.requests.make(
            "ask who we are", lambda api: api.userinfo(self.system), answers.read_user
        )

    async def uid(self) -> int | None:
        """The number of that user, where the server tells it."""
        return await self.requests.make(
            "ask who we are", lambda api: api.userinfo(self.system), answers.read_uid
        )

    async def work_folders(self) -> list[str]:
        """Where the system's file systems begin, those first that are meant for work."""

        def rank(one: answers.FileSystem) -> tuple[bool, bool]:
            return not one.default_work_dir, one.data_type != "scratch"

        found = sorted(await self._file_systems(), key=rank)
        return [answers.plain_text(one.path) for one in found]

    async def home_folders(self) -> list[str]:
        """The same, those first in which users have their homes."""
        found = sorted(await self._file_systems(), key=lambda one: one.data_type != "users")
        return [answers.plain_text(one.path) for one in found]

    async def _file_systems(self) -> list[answers.FileSystem]:
        found = await self.requests.make(
            "list the file systems", lambda api: api.systems(), answers.read_file_systems
        )
        return found.get(self.system, [])

    async def systems(self) -> list[str]:
        """Names of the systems behind this server."""
        return await self.requests.make(
            "list the systems", lambda api: api.systems(), answers.read_systems
        )
