"""pyfirecrest's client on a session of ours."""

from __future__ import annotations

import contextlib
from typing import Any

from firecrest.v2 import AsyncFirecrest


class Api(AsyncFirecrest):  # type: ignore[misc]  # pyfirecrest has no types
    """Makes each request with the session that it is given."""

    def __init__(self, url: str, authorization: Any, session: Any, verify: Any) -> None:
        # The last thing that it makes is a session of its own, which odd proxies in the environment
        # keep from being made; it is not wanted.
        with contextlib.suppress(Exception):
            super().__init__(url, authorization, verify)
        self._session = session

    async def log_in(self) -> None:
        """Have a token."""
        await self._auth_headers()

    async def all_partitions(self, system: str) -> Any:
        """Those that are hidden as well: jobs may name them."""
        endpoint = f"/status/{system}/partitions"
        answer = await self._get_request(endpoint=endpoint, params={"show_hidden": True})
        return self._check_response(answer, 200)["partitions"]

    async def put(self, system: str, folder: str, name: str, data: bytes) -> None:
        """Write a file: half of ``upload``, which reads it from a disk."""
        endpoint = f"/filesystem/{system}/ops/upload"
        params, files = {"path": folder}, {"file": (name, data)}
        answer = await self._post_request(endpoint=endpoint, params=params, files=files)
        self._check_response(answer, 204)
        _let_go(answer)

    async def by_job(self, system: str, what: str, body: dict[str, Any]) -> Any:
        """Have a job do it, of the server's own: pyfirecrest tries it without one first."""
        endpoint = f"/filesystem/{system}/transfer/{what}"
        answer = await self._post_request(endpoint=endpoint, json_data=body)
        return self._check_response(answer, 201)

    async def content(self, system: str, path: str) -> bytes:
        """What a file holds: half of ``download``, which asks for its size but compares nothing."""
        endpoint = f"/filesystem/{system}/ops/download"
        answer = await self._get_request(endpoint=endpoint, params={"path": path})
        self._check_response(answer, 200, return_json=False)
        content = bytes(answer.content)
        _let_go(answer)
        return content


def _let_go(answer: Any) -> None:
    """Answer and stream hold each other, and with them megabytes, until the collector comes."""
    answer.stream = None
