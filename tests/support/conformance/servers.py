"""The servers under test and what a test asks of them, whoever they are.

Everything here goes through HTTP alone: the server may run as another user on another machine.
"""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import httpx
from firecrest.Authorization import ClientCredentialsAuth
from firecrest.FirecrestException import UnexpectedStatusException
from firecrest.v2 import AsyncFirecrest, Firecrest

VARIABLES = (
    "FIRECREST_CLIENT_ID",
    "FIRECREST_CLIENT_SECRET",
    "AUTH_TOKEN_URL",
    "FIRECREST_URL",
    "FIRECREST_SYSTEM",
    "FIRECREST_ACCOUNT",
)
ENDED = ("COMPLETED", "FAILED", "TIMEOUT", "CANCELLED", "OUT_OF_MEMORY", "NODE_FAIL", "PREEMPTED")
PATIENCE = 300.0  # seconds that anything may take on a machine that is busy with other things
BOGUS_NAME = "allocation"
"""The name that a record bears for some seconds, while the accounting has not caught up."""


class Bearer(httpx.Auth):
    """A fresh enough token on each request, as pyfirecrest does it."""

    def __init__(self, source: ClientCredentialsAuth) -> None:
        self.source = source

    def auth_flow(self, request: httpx.Request) -> Iterator[httpx.Request]:
        """Put the token into the request's header."""
        request.headers["Authorization"] = f"Bearer {self.source.get_access_token()}"
        yield request


@dataclass
class Server:
    """One server: its kind (process, slurm or env), the six variables, a directory to work in."""

    kind: str
    env: Mapping[str, str]
    home: str
    handle: Any = None
    _made: int = field(default=0, repr=False)

    @property
    def url(self) -> str:
        """Where the API is."""
        return self.env["FIRECREST_URL"].rstrip("/")

    @property
    def system(self) -> str:
        """The system's name in paths."""
        return self.env["FIRECREST_SYSTEM"]

    @property
    def account(self) -> str:
        """What jobs are charged to."""
        return self.env["FIRECREST_ACCOUNT"]

    @cached_property
    def auth(self) -> ClientCredentialsAuth:
        """The server's token source; tokens are renewed a minute before they end."""
        auth = ClientCredentialsAuth(
            self.env["FIRECREST_CLIENT_ID"],
            self.env["FIRECREST_CLIENT_SECRET"],
            self.env["AUTH_TOKEN_URL"],
            min_token_validity=60,
        )
        auth.timeout = 30
        return auth

    @cached_property
    def client(self) -> Firecrest:
        """The plain client of pyfirecrest, with bounds on waiting and on retries."""
        return bounded(Firecrest(self.url, authorization=self.auth))

    @cached_property
    def http(self) -> httpx.Client:
        """For what pyfirecrest can't ask: bad requests, and what it hides of the answers."""
        return httpx.Client(base_url=self.url, auth=Bearer(self.auth), timeout=60)

    @cached_property
    def record(self) -> dict[str, Any]:
        """The system's own entry in /status/systems."""
        return next(s for s in self.client.systems() if s["name"] == self.system)

    def ask(self, method: str, path: str, **kwargs: Any) -> httpx.Response:
        """One raw request; `{system}` in the path is filled in. A dropped connection: once more."""
        address = path.replace("{system}", self.system)
        try:
            return self.http.request(method, address, **kwargs)
        except (httpx.ReadError, httpx.RemoteProtocolError):
            return self.http.request(method, address, **kwargs)

    def close(self) -> None:
        """Close our side's connections."""
        self.client.close_session()
        self.http.close()

    def new_dir(self) -> str:
        """A directory of its own for a test, made through the API."""
        self._made += 1
        path = f"{self.home}/t{os.getpid()}-{self._made}-{uuid.uuid4().hex[:6]}"
        self.client.mkdir(self.system, path, create_parents=True)
        return path

    def put(self, path: str, content: bytes) -> str:
        """Write a file through the API; its path."""
        directory, name = path.rsplit("/", 1)
        answer = self.ask(
            "POST",
            "/filesystem/{system}/ops/upload",
            params={"path": directory},
            files={"file": (name, content)},
        )
        assert answer.status_code == 204, answer.text
        return path

    def get(self, path: str) -> bytes:
        """Read a file through the API."""
        answer = self.ask("GET", "/filesystem/{system}/ops/download", params={"path": path})
        assert answer.status_code == 200, answer.text
        return answer.content

    def submit(self, directory: str, body: str, *options: str, **kwargs: Any) -> str:
        """Queue a bash script with `#SBATCH` options; the job's id."""
        kwargs.setdefault("account", self.account)
        job = self.client.submit(
            self.system, directory, script_str=script(body, *options), **kwargs
        )
        assert set(job) == {"jobId"}
        return str(job["jobId"])

    def finished(self, job_id: str, *, within: float = PATIENCE) -> dict[str, Any]:
        """The record of a job that has ended, once the accounting agrees with itself."""

        def settled() -> dict[str, Any] | None:
            found = self.job(job_id)
            if not found or not found["status"]["state"].startswith(ENDED):
                return None
            lingers = any(task["status"]["state"] == "RUNNING" for task in found["tasks"])
            return None if lingers or found["name"] == BOGUS_NAME else found

        return until(settled, within=within, what=f"job {job_id} to end")

    def running(self, job_id: str, *, within: float = PATIENCE) -> dict[str, Any]:
        """The record of a job once it runs."""

        def runs() -> dict[str, Any] | None:
            found = self.job(job_id)
            return found if found and found["status"]["state"] == "RUNNING" else None

        return until(runs, within=within, what=f"job {job_id} to run")

    def job(self, job_id: str) -> dict[str, Any] | None:
        """The job's record, None while it is not found."""
        try:
            return self.client.job_info(self.system, job_id)[0]
        except UnexpectedStatusException as error:
            if error.responses[-1].status_code == 404:
                return None
            raise

    def run(self, directory: str, body: str, *options: str, **kwargs: Any) -> dict[str, Any]:
        """Submit, wait, and give the record."""
        return self.finished(self.submit(directory, body, *options, **kwargs))


def bounded(client: Any) -> Any:
    """The same client, bounded: it waits and retries without end by default."""
    client.timeout = 60
    client.num_retries_rate_limit = 3
    return client


def script(body: str, *options: str) -> str:
    """A job script."""
    return "#!/bin/bash\n" + "".join(f"#SBATCH {option}\n" for option in options) + body + "\n"


def until(
    probe: Callable[[], Any], *, what: str, within: float = PATIENCE, pause: float = 0.15
) -> Any:
    """The first true answer of `probe`; an AssertionError after `within` seconds."""
    deadline = time.monotonic() + within
    while True:
        answer = probe()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"waited {within} s for {what}"
        time.sleep(pause)


class Blocking:
    """AsyncFirecrest with the plain client's face: each call runs to its end in one loop."""

    def __init__(self, server: Server) -> None:
        self._loop = asyncio.new_event_loop()
        self._client = self._loop.run_until_complete(self._open(server))

    @staticmethod
    async def _open(server: Server) -> AsyncFirecrest:
        return bounded(AsyncFirecrest(server.url, authorization=server.auth))

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            return self._loop.run_until_complete(method(*args, **kwargs))

        return call

    def close(self) -> None:
        """Close the connections and the loop."""
        self._loop.run_until_complete(self._client.close_session())
        self._loop.close()


def environment_server() -> Server:
    """The server that the six variables name; FCX_REAL_WORKING_DIR is where its tests may write."""
    env = {name: os.environ[name] for name in VARIABLES}
    return Server("env", env, os.environ["FCX_REAL_WORKING_DIR"].rstrip("/"))


@contextmanager
def local_server(kind: str, root: Any, **options: Any) -> Iterator[Server]:
    """A server of fcx.local for as long as the context lasts."""
    from fcx.local import cluster

    with cluster(scheduler=kind, root=root, **options) as env:
        server = Server(kind, dict(env), env.root, handle=env)
        try:
            yield server
        finally:
            server.close()


def once(
    server: Server, method: str, path: str, timeout: float = 60.0, **kwargs: Any
) -> httpx.Response:
    """One request, on a connection of its own, with no second try."""
    with httpx.Client(base_url=server.url, timeout=timeout) as http:
        token = {"Authorization": f"Bearer {server.auth.get_access_token()}"}
        return http.request(
            method, path.replace("{system}", server.system), headers=token, **kwargs
        )
