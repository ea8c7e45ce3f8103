"""Bad input: the status and the words that a real server has for it, and the next request works."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import resource
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from conformance import bad_input
from conformance.bad_input import Bad

pytest_plugins = ["conformance.fixtures"]

ALL = {
    "malformed": bad_input.MALFORMED,
    "type": bad_input.WRONG_TYPES,
    "missing": bad_input.MISSING,
    "unknown": bad_input.UNKNOWN,
    "path": bad_input.PATH_TRICKS,
    "huge": bad_input.HUGE,
}
CASES = [
    pytest.param(case, id=f"{group}: {case.name}") for group, cases in ALL.items() for case in cases
]
AT_ONCE = 1000


@pytest.fixture(scope="module")
def place(server) -> str:
    """A directory with the file `f`."""
    directory = server.new_dir()
    server.put(f"{directory}/f", b"hello\n")
    return directory


def filled(value: Any, place: str) -> Any:
    """The request with the test's directory in it."""
    if isinstance(value, dict):
        return {key: filled(inner, place) for key, inner in value.items()}
    if isinstance(value, bytes) and len(value) < 1000:
        return value.replace(b"@", place.encode())
    return value.replace("@", place) if isinstance(value, str) else value


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_answered_as_the_real_server_does(server, place, case: Bad):
    """Status, error type, message and the fields at fault; afterwards the server is as before."""
    answer = server.ask(case.method, case.path, **filled(case.request, place))
    assert answer.status_code == case.status, answer.text[:500]
    body = answer.json()
    assert set(body) == {"errorType", "message", "causedBy", "data", "user"}
    assert body["errorType"] == case.kind
    if case.message is not None:
        assert body["message"].startswith(case.message.replace("@", place))
    if case.fields:
        assert [entry["name"] for entry in body["data"]["fields"]] == list(case.fields)
    assert (
        server.ask("GET", "/filesystem/{system}/ops/ls", params={"path": place}).status_code == 200
    )


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({}, "Not authenticated"),
        ({"Authorization": "Basic xx"}, "Not authenticated"),
        ({"Authorization": "Bearer"}, "Not authenticated"),
        ({"Authorization": "Bearer a b"}, "Access token is invalid."),
        ({"Authorization": "Bearer " + "x" * 20_000}, "Access token is invalid."),
    ],
    ids=["none", "basic", "empty", "two words", "long"],
)
def test_without_a_token_nothing_is_answered(server, header, message):
    """401 for whatever is no token of ours."""
    answer = server.http.request("GET", "/status/systems", auth=None, headers=header)
    assert (answer.status_code, answer.json()["message"]) == (401, message)


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"grant_type": "password", "username": "a", "password": "b"},
        {"grant_type": "client_credentials"},
        {"grant_type": "client_credentials", "client_id": "x", "client_secret": "y"},
    ],
    ids=["nothing", "password", "no client", "stranger"],
)
def test_the_token_endpoint_refuses_strangers(server, form):
    """An OAuth error, and no token."""
    answer = httpx.post(server.env["AUTH_TOKEN_URL"], data=form)
    assert answer.status_code in (400, 401)
    assert "error" in answer.json()
    assert "access_token" not in answer.json()


def test_quotes_in_a_path_run_nothing(server, place):
    """The real server can be tricked by two quotes; ours must not."""
    if server.kind == "env":
        pytest.skip("the real server runs what stands between the quotes")
    path = f"{place}/'; touch {place}/owned; '"
    for method, call in (("GET", "ls"), ("GET", "view"), ("DELETE", "rm")):
        answer = server.ask(method, f"/filesystem/{{system}}/ops/{call}", params={"path": path})
        assert answer.status_code >= 400
    names = [entry["name"] for entry in server.client.list_files(server.system, place)]
    assert "owned" not in names
    assert "f" in names


def test_half_a_request_disturbs_nobody(server, place):
    """Connections that say half of something, or nonsense, and go."""
    where = urlsplit(server.url)
    for beginning in (
        b"",
        b"GET /status/systems HTTP/1.1\r\nHost: x",
        b"POST /compute/x/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"A" * 100_000,
    ):
        with socket.create_connection((where.hostname, where.port), timeout=10) as line:
            with contextlib.suppress(OSError):
                line.sendall(beginning)
    assert server.client.view(server.system, f"{place}/f") == "hello\n"


def test_it_listens_on_loopback_only(server):
    """Nobody else on the network can run jobs as us."""
    assert urlsplit(server.url).hostname == "127.0.0.1"
    if server.kind == "env":
        pytest.skip("where a real server listens is its operators' affair")
    port = f":{urlsplit(server.url).port:04X}"
    table = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()
    listening = [line.split()[1] for line in table if line.split()[3] == "0A"]
    assert [address for address in listening if address.endswith(port)] == [f"0100007F{port}"]


def test_a_thousand_requests_at_once(server, place):
    """Every one gets its right answer, and the server its next one."""
    if server.kind == "env":
        pytest.skip("a login node with 10 sessions answers most of them with 424")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 4096), hard), hard))
    answers = asyncio.run(_all_at_once(server, place))
    assert collections.Counter(answers) == {200: AT_ONCE}
    assert server.client.view(server.system, f"{place}/f") == "hello\n"


async def _all_at_once(server: Any, place: str) -> list[int]:
    """The statuses of a thousand requests, each on a connection of its own."""
    paths = [
        "/status/systems",
        f"/status/{server.system}/partitions",
        f"/filesystem/{server.system}/ops/view?path={place}/f",
        f"/filesystem/{server.system}/ops/stat?path={place}/f",
        "/status/liveness/",
    ]
    head = f"Host: x\r\nConnection: close\r\nAuthorization: Bearer {server.auth.get_access_token()}"
    where = urlsplit(server.url)

    async def ask(path: str) -> int:
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        writer.write(f"GET {path} HTTP/1.1\r\n{head}\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        return int(answer.split()[1])

    return await asyncio.gather(*(ask(paths[number % 5]) for number in range(AT_ONCE)))
