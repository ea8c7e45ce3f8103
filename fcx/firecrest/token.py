"""The token of the client credentials. Its requests read no ``.netrc``, which may name others."""

from __future__ import annotations

import asyncio
import ssl
import time
from contextlib import suppress
from typing import Any

from ..config import Credentials
from ..errors import CredentialsRefused
from .answers import read_token
from .failures import STUMBLES, Odd, Passing, retry_after, transport

MARGIN = 60.0  # seconds of life that a token must have left: the server refuses under 30
TIMEOUT = 60.0  # seconds for one answer


class ClientToken:
    """What pyfirecrest asks for the headers of each request; one renewal at a time."""

    def __init__(self, credentials: Credentials, verify: ssl.SSLContext) -> None:
        self._credentials = credentials
        self._verify = verify
        self._lock = asyncio.Lock()
        self._headers: dict[str, str] = {}
        self._until = 0.0

    async def auth_headers(self) -> dict[str, str]:
        """The headers that show who asks."""
        async with self._lock:
            if time.time() >= self._until:
                token, seconds = await self._fetch()
                self._headers = {"Authorization": f"Bearer {token}"}
                self._until = time.time() + seconds - MARGIN
            return self._headers

    def forget(self) -> None:
        """Ask for a new token next time: the server did not take this one."""
        self._until = 0.0

    async def _fetch(self) -> tuple[str, float]:
        import httpx

        form = {
            "grant_type": "client_credentials",
            "client_id": self._credentials.client_id,
            "client_secret": self._credentials.client_secret,
        }
        try:
            async with httpx.AsyncClient(verify=self._verify, timeout=TIMEOUT) as client:
                response = await client.post(self._credentials.token_url, data=form)
        except httpx.UnsupportedProtocol:
            raise
        except httpx.HTTPError as error:
            failed = transport(error)
            raise type(failed)(f"the token endpoint: {failed}", sent=False) from error
        if response.status_code == 200:
            return read_token(response.content)
        raise refused(response, self._credentials.token_url)


def refused(response: Any, url: str) -> Exception:
    """What an answer other than a token means: only what is worded as a refusal is one."""
    status = response.status_code
    if status >= 500 or status in {408, 429}:
        rest = retry_after(response, default=0.0)
        return Passing(f"the token endpoint answered {status}", rest, sent=False)
    if status == 401 or _worded(response):
        return CredentialsRefused(
            f"Could not get a token at {url}: the token endpoint does not accept the client id "
            f"and secret ({status}). Check FIRECREST_CLIENT_ID, FIRECREST_CLIENT_SECRET and "
            "AUTH_TOKEN_URL."
        )
    return Odd(f"the token endpoint {url} answered {status} without a word of OAuth's", sent=False)


def _worded(response: Any) -> bool:
    """Whether it is an error in the form of OAuth, and no page of somebody in between."""
    with suppress(*STUMBLES):
        return isinstance(response.json()["error"], str)
    return False
