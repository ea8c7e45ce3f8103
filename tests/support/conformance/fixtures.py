"""Fixtures of the conformance tests; a module asks for them with `pytest_plugins`.

`server` is each server in turn: the two back ends of `fcx.local`, or, with FCX_TEST_ENDPOINT=env,
the one that the six FIRECREST_* variables name (a real FirecREST, say), with FCX_REAL_WORKING_DIR
for a directory to write in.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from firecrest.v2 import Firecrest

from conformance.servers import Blocking, Server, bounded, environment_server, local_server

ON_ENVIRONMENT = os.environ.get("FCX_TEST_ENDPOINT") == "env"
KINDS = ["env"] if ON_ENVIRONMENT else ["process", pytest.param("slurm", marks=pytest.mark.slurm)]


@pytest.fixture(scope="session")
def process_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The process back end; a job has its node to itself, so some nodes for jobs that wait."""
    with local_server("process", tmp_path_factory.mktemp("process"), nodes=4) as server:
        yield server


@pytest.fixture(scope="session")
def slurm_server(slurm: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The slurm back end, on the Slurm that the tests bring up."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in slurm.env.items():
            patch.setenv(name, value)
        with local_server("slurm", tmp_path_factory.mktemp("slurm")) as server:
            yield server


@pytest.fixture(scope="session")
def env_server() -> Iterator[Server]:
    """A server that somebody else started."""
    server = environment_server()
    server.client.mkdir(server.system, server.home, create_parents=True)
    yield server
    server.close()


@pytest.fixture(scope="session", autouse=True)
def quick_looks() -> Iterator[None]:
    """Let pyfirecrest look at jobs at a steady pace: its pauses double up to a minute."""

    def steady() -> Iterator[float]:
        while True:
            yield 0.25

    with pytest.MonkeyPatch.context() as patch:
        for module in ("_sync", "_async"):
            patch.setattr(f"firecrest.v2.{module}.Client.sleep_generator", steady)
        yield


@pytest.fixture(scope="session", params=KINDS)
def server(request: pytest.FixtureRequest) -> Server:
    """Each server under test."""
    return request.getfixturevalue(f"{request.param}_server")


@pytest.fixture
def place(server: Server) -> str:
    """An empty directory on the server, for this test alone."""
    return server.new_dir()


@pytest.fixture
def tree(server: Server, place: str) -> str:
    """A directory with a file, a hidden file, a directory with a file, and a link."""
    server.put(f"{place}/top.txt", b"12345")
    server.put(f"{place}/.hidden", b"x")
    server.client.mkdir(server.system, f"{place}/sub")
    server.put(f"{place}/sub/inner.txt", b"inner")
    server.client.symlink(server.system, f"{place}/top.txt", f"{place}/link")
    return place


@pytest.fixture
def direct(server: Server) -> Iterator[Firecrest]:
    """A client that sends every size directly."""
    client = bounded(Firecrest(server.url, authorization=server.auth))
    client.MAX_DIRECT_UPLOAD_SIZE = 10**9
    yield client
    client.close_session()


@pytest.fixture(scope="session")
def async_client(server: Server) -> Iterator[Blocking]:
    """The asynchronous client of pyfirecrest."""
    client = Blocking(server)
    yield client
    client.close()


@pytest.fixture(params=["sync", "async"])
def client(request: pytest.FixtureRequest, server: Server) -> Any:
    """Each of pyfirecrest's two v2 clients."""
    return server.client if request.param == "sync" else request.getfixturevalue("async_client")
