"""Clients of a server under test that are not the usual one, and clearing up after them."""

from __future__ import annotations

from typing import Any

from firecrest.v2 import Firecrest

from conformance.exchanges import attempt
from conformance.servers import Server, bounded


class Fixed:
    """An authorization that hands out one token, whatever it is."""

    def __init__(self, token: str) -> None:
        self.token = token

    def get_access_token(self) -> str:
        """That token."""
        return self.token


def systems_with(server: Server, token: str) -> Any:
    """The systems, asked for with some token."""
    client = bounded(Firecrest(server.url, authorization=Fixed(token)))
    try:
        return client.systems()
    finally:
        client.close_session()


def clear_up(server: Server, jobs: list[Any]) -> None:
    """Cancel what was submitted and has not ended."""
    for job in jobs:
        if isinstance(job, dict) and "jobId" in job:
            attempt(lambda job=job: server.client.cancel_job(server.system, job["jobId"]))
