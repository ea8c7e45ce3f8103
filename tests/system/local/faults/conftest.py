"""A server where things go wrong, and fresh clients of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conformance.servers import Server, bounded, local_server
from firecrest.Authorization import ClientCredentialsAuth
from firecrest.v2 import Firecrest


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A process back end of this module's own."""
    with local_server("process", tmp_path_factory.mktemp("faults"), nodes=2) as server:
        yield server


@pytest.fixture
def server(cluster: Server) -> Iterator[Server]:
    """The same, with nothing wrong before and after a test."""
    yield cluster
    cluster.handle.faults.clear()
    cluster.handle.faults.token_lifetime(300)
    cluster.handle.faults.refuse_credentials(False)


@pytest.fixture
def faults(server: Server) -> Any:
    """The way to make things go wrong."""
    return server.handle.faults


@pytest.fixture
def place(server: Server) -> str:
    """A directory of the test's own."""
    return server.new_dir()


@pytest.fixture
def fresh(server: Server) -> Iterator[Callable[[], Firecrest]]:
    """Makes clients, each with a token of its own."""
    made: list[Firecrest] = []
    names = ("FIRECREST_CLIENT_ID", "FIRECREST_CLIENT_SECRET", "AUTH_TOKEN_URL")

    def make() -> Firecrest:
        auth = ClientCredentialsAuth(*(server.env[name] for name in names))
        made.append(bounded(Firecrest(server.url, authorization=auth)))
        return made[-1]

    yield make
    for client in made:
        client.close_session()
