"""Bodies without measure: strangers' are not read, and nobody's without end."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from fcx.local import cluster
from fcx.local.api.body_limit import MOST, MOST_OF_FORM

BLOCK = b"x" * (1 << 20)


@pytest.fixture(scope="module")
def env():
    """A cluster of this module's own."""
    with cluster(scheduler="process") as served:
        yield served


@pytest.fixture(scope="module")
def bearer(env):
    """The header of an account."""
    form = {
        "grant_type": "client_credentials",
        "client_id": env["FIRECREST_CLIENT_ID"],
        "client_secret": env["FIRECREST_CLIENT_SECRET"],
    }
    token = httpx.post(env["AUTH_TOKEN_URL"], data=form).json()["access_token"]
    return f"Authorization: Bearer {token}"


def peak(env):
    """The most memory that the server ever had, in bytes."""
    lines = Path(f"/proc/{env.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM"))


def send(env, path, header, megabytes, *, chunked):
    """The status of a POST with so large a body, as far as it is taken."""
    where = urlsplit(env.url)
    size = f"Content-Length: {megabytes << 20}"
    head = [
        f"POST {path} HTTP/1.1",
        "Host: x",
        "Content-Type: application/json",
        header,
        "Transfer-Encoding: chunked" if chunked else size,
    ]
    with socket.create_connection((where.hostname, where.port), timeout=60) as line:
        line.sendall("\r\n".join([*head, "", ""]).encode())
        with contextlib.suppress(OSError):
            for _ in range(megabytes):
                line.sendall(b"100000\r\n%b\r\n" % BLOCK if chunked else BLOCK)
            line.sendall(b"0\r\n\r\n" if chunked else b"")
        return int(line.recv(4096).split()[1])


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(
    ("path", "header", "status"),
    [
        ("/compute/fcx-local/jobs", "X: none", 401),
        ("/compute/fcx-local/jobs", "Authorization: Bearer x", 401),
        ("/filesystem/fcx-local/ops/upload?path=/tmp", "X: none", 401),
        ("/FILESYSTEM/fcx-local/ops/mkdir", "X: none", 401),
        ("/auth/token", "X: none", 413),
        ("/_control/faults", "X: none", 404),
        ("/_controller/x", "X: none", 404),
        ("/nowhere", "X: none", 404),
    ],
)
def test_what_strangers_send_is_not_kept(env, path, header, status, chunked):
    """It is refused, and the server stays as small as it was."""
    before = peak(env)
    assert send(env, path, header, 100, chunked=chunked) == status
    assert peak(env) - before < 10 << 20


@pytest.mark.parametrize("chunked", [False, True])
def test_an_account_has_its_limit_too(env, bearer, chunked):
    """413 past it."""
    path = "/filesystem/fcx-local/ops/mkdir"
    assert send(env, path, bearer, (MOST >> 20) + 1, chunked=chunked) == 413


def test_a_form_of_a_usual_size_is_read(env):
    """And one beyond it is not."""
    for size, status in ((MOST_OF_FORM - 100, 400), (MOST_OF_FORM + 1, 413)):
        answer = httpx.post(env["AUTH_TOKEN_URL"], content=b"a=" + b"x" * size)
        assert answer.status_code == status
