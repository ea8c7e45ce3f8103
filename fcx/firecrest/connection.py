"""pyfirecrest's client for one server and account, and one request with it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..config import Credentials
from . import network, quiet
from .early import Early
from .failures import failure, retry_after
from .loop import slots
from .quota import Quota, quota
from .token import ClientToken

MOST_PER_READ = 5_242_879  # bytes of text in one answer

Ask = Callable[[Any], Awaitable[Any]]
"""Makes one request with pyfirecrest's client."""

_came: ContextVar[list[Any]] = ContextVar("came")
"""The HTTP answers that came to the request that this task is making."""


@dataclass(frozen=True)
class Came:
    """What pyfirecrest made of an answer, and the seconds that it took to come."""

    answer: Any
    seconds: float


class Heard(NamedTuple):
    """What an answer says of who gave it: its time, and the API's version; empty if nothing."""

    date: str
    version: str
    came: float  # by this machine's clock


class Connection:
    """Opens with the first request; importing pyfirecrest takes a moment, so off the loop."""

    def __init__(self, credentials: Credentials) -> None:
        # What cannot be is said at once, where the caller asked for it.
        network.check_address("FIRECREST_URL", credentials.api_url)
        network.check_address("AUTH_TOKEN_URL", credentials.token_url)
        network.named_cas()
        self._credentials = credentials
        self._opening = asyncio.Lock()
        self._api: Any = None
        self._token: ClientToken | None = None
        self._early: Early | None = None
        self.heard: Heard | None = None  # with the last answer of the API

    @property
    def url(self) -> str:
        """Of the server."""
        return self._credentials.api_url

    @property
    def quota(self) -> Quota:
        """What the server lets this application ask; only in a loop."""
        return quota(self.url, self._credentials.client_id)

    def begin(self) -> None:
        """Do beside the caller what the first request would have to wait for; from any thread."""
        self._early = Early(self._credentials)

    async def open(self) -> None:
        """Make pyfirecrest's client."""
        async with self._opening:
            if self._api is None:
                self._api = await asyncio.to_thread(self._make_api)

    async def close(self) -> None:
        """Let go of the connections."""
        async with self._opening:
            if self._api is not None:
                api, self._api = self._api, None
                with quiet.ours():
                    await api.close_session()

    def forget_token(self) -> None:
        """The API did not take it."""
        if self._token is not None:
            self._token.forget()

    def _make_api(self) -> Any:
        from .api import Api
        from .session import TIMEOUT, session

        ready = self._early.ready() if self._early else None
        verify = ready.verify if ready else network.trusted_by(*self._credentials.urls)
        self._token = ready.token if ready else ClientToken(self._credentials, verify)
        api = Api(self.url, self._token, session(verify, noted=self._note), verify)
        api.timeout = TIMEOUT
        api.num_retries_rate_limit = 0
        api.disable_client_logging = True
        api.MAX_DIRECT_UPLOAD_SIZE = MOST_PER_READ
        return api

    async def once(self, what: str, ask: Ask, *, large: bool = False) -> Came:
        """One request. Raises what ``failures.failure`` makes of an exception.

        Whether an answer had come tells pyfirecrest's stumbling over it from a fault of ours. What
        is raised has its words: a chain of tracebacks would only bury them.
        """
        await self.open()
        async with slots(self.url).place(large=large):
            came: list[Any] = []
            noting = _came.set(came)
            began = asyncio.get_running_loop().time()
            try:
                with quiet.ours():
                    answer = await ask(self._api)
            except Exception as error:
                meaning = failure(error, what, came[-1] if came else None, self.url)
                if meaning is error:
                    raise
                raise meaning from None
            finally:
                _came.reset(noting)
            return Came(answer, asyncio.get_running_loop().time() - began)

    async def _note(self, response: Any) -> None:
        """An answer has come."""
        _came.get().append(response)
        told = response.headers.get
        self.heard = Heard(told("Date", ""), told("f7t-appversion", ""), time.time())
        after = retry_after(response) if response.status_code == 429 else 0.0
        now = asyncio.get_running_loop().time()
        self.quota.answered(response.status_code, response.headers, after, now)
