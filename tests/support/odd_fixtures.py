"""Fixtures of a server that answers what a test tells it to, for the conftest.py of a folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from odd_server import TOKEN, OddServer, odd_server


@pytest.fixture(scope="module")
def served() -> Iterator[OddServer]:
    """One server for the module."""
    with odd_server() as server:
        yield server


@pytest.fixture
def server(served: OddServer) -> OddServer:
    """It gives good tokens."""
    served.tokens.clear()
    served.tokens.append(TOKEN)
    served.token_requests.clear()
    return served
