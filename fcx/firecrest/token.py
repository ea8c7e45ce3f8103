"""The token of the client credentials."""

from __future__ import annotations

import asyncio
import ssl
import time
from contextlib import suppress
from typing import Any

from ..config import Credentials
from ..errors import ConfigError, CredentialsRefused, FcxError
from .answers import read_token
from .failures import STUMBLES, Odd, Passing, goal, is_elsewhere, retry_after, transport

MARGIN = 60.0  # seconds of life that a token should have left
LEAST_MARGIN = 35.0  # and must have: the server refuses those under 30
UNTOLD = 120.0  # seconds that it is used for where nobody says; one that ended before is refused
MOST = 1 << 20  # bytes of one answer
# The words of OAuth for what does not pass.
LASTING = frozenset(
    {
        "access_denied",
        "invalid_client",
        "invalid_grant",
        "invalid_request",
        "invalid_scope",
        "unauthorized_client",
        "unsupported_grant_type",
    }
)


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
                asked = time.time()
                token, told = await self._fetch()
                seconds = told if told > 0 else UNTOLD
                self._headers = {"Authorization": f"Bearer {token}"}
                self._until = asked + seconds - margin(seconds)
            return self._headers

    def forget(self) -> None:
        """Ask for a new token next time: the server did not take this one."""
        self._until = 0.0

    async def _fetch(self) -> tuple[str, float]:
        url = self._credentials.token_url
        try:
            return await self._ask(url)
        except Passing as error:
            error.server = f"{url} (AUTH_TOKEN_URL)"
            raise

    async def _ask(self, url: str) -> tuple[str, float]:
        import httpx

        from .session import session

        form = {
            "grant_type": "client_credentials",
            "client_id": self._credentials.client_id,
            "client_secret": self._credentials.client_secret,
        }
        try:
            async with session(self._verify, MOST) as client:
                response = await client.post(url, data=form)
        except httpx.UnsupportedProtocol:
            raise
        except httpx.HTTPError as error:
            failed = transport(error, "AUTH_TOKEN_URL", url)
            told, meaning = f"the token endpoint: {failed}", failed.meaning
            kind, restarts = type(failed), failed.restarts
            raise kind(told, sent=False, meaning=meaning, restarts=restarts) from None
        if response.status_code == 200 and not is_elsewhere(response):
            return read_token(response.content)
        raise refused(response, url)


def margin(seconds: float) -> float:
    """How long before its end a token is renewed: one of a minute serves for some requests too."""
    return max(LEAST_MARGIN, min(MARGIN, seconds / 2))


def refused(response: Any, url: str) -> Exception:
    """What an answer other than a token means: only what is worded as a refusal is one."""
    status, word = response.status_code, _word(response)
    rest = retry_after(response, default=0.0)
    if status >= 500 or status in {408, 429}:
        return Passing(f"the token endpoint answered {status}", rest, sent=False)
    not_accepted = CredentialsRefused(
        f"Could not get a token at {url}: the token endpoint does not accept the client id "
        f"and secret ({status}{f', {word}' if word else ''}). Check FIRECREST_CLIENT_ID, "
        "FIRECREST_CLIENT_SECRET and AUTH_TOKEN_URL."
    )
    if word in LASTING:
        return not_accepted
    if word is not None:
        told = f"the token endpoint {url} answered {word!r} ({status})"
        return Passing(told, rest, sent=False, meaning=not_accepted, restarts=True)
    told = f"the token endpoint {url} answered {status} without a word of OAuth's{goal(response)}"
    meaning: FcxError | None = not_accepted if status == 401 else None
    if is_elsewhere(response):
        meaning = ConfigError(f"AUTH_TOKEN_URL seems to be wrong: {told}. Check its path.")
    return Odd(told, sent=False, meaning=meaning, restarts=True)


def _word(response: Any) -> str | None:
    """The error, if it has OAuth's form and is no page of somebody in between."""
    with suppress(*STUMBLES):
        word = response.json()["error"]
        return word[:60] if isinstance(word, str) else None
    return None
