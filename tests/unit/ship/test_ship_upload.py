"""What an upload that is refused is told as."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from fcx.errors import NotShipped, RequestRefused
from fcx.firecrest.failures import Odd, refusal
from fcx.ship.upload import Requests


class Refusing:
    """Files of a system, none of which can be written."""

    def __init__(self, status: int) -> None:
        self.status = status

    async def write(self, folder: str, name: str, data: bytes) -> None:
        raise RequestRefused(f"Could not write it (HTTP {self.status})", self.status)


def put(status: int) -> None:
    files: Any = Refusing(status)
    asyncio.run(Requests(files).put("/parts", "00000.ab", b"x"))


def test_a_body_that_is_too_large_for_a_proxy():
    """No clean-up and no other folder helps: the centre does."""
    with pytest.raises(NotShipped, match=r"takes no request of 5242880 bytes.*ask the centre"):
        put(413)
    with pytest.raises(RequestRefused):
        put(422)


def test_a_proxy_says_so_on_a_page_of_its_own():
    """Which is believed when it comes again and again, though other requests have succeeded."""
    page = httpx.Response(413, html="<html>413 Request Entity Too Large</html>")
    found = refusal(page, "write it")
    assert type(found) is Odd
    assert type(found.meaning) is RequestRefused
    assert (found.meaning.status, found.early) == (413, False)
