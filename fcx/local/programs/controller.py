"""How the programs of a job ask the controller: one short HTTP exchange over loopback.

`cluster.json` beside the programs' shims holds the port, the token for these questions, and the
engine for `--environment`, if there is one. Only the user who started the cluster can read it.
"""

from __future__ import annotations

import json
import os
import socket
from typing import Any

PLACE = "FCX_LOCAL_CLUSTER"  # set by the shims: the path of cluster.json


class Unreachable(Exception):
    """The server cannot be reached."""


class Refused(Exception):
    """The server said no; the text is Slurm's own."""


def settings() -> dict[str, Any]:
    """What cluster.json says."""
    try:
        with open(os.environ[PLACE], encoding="utf-8") as file:
            return dict(json.load(file))
    except (KeyError, OSError, ValueError) as error:
        raise Unreachable(str(error)) from None


def ask(what: str, **body: Any) -> Any:
    """Send one question and return its answer."""
    known = settings()
    payload = json.dumps(body).encode()
    head = (
        f"POST /_controller/{what} HTTP/1.0\r\nHost: 127.0.0.1\r\n"
        "Content-Type: application/json\r\n"
        f"X-Controller-Token: {known['token']}\r\nContent-Length: {len(payload)}\r\n\r\n"
    )
    try:
        with socket.create_connection(("127.0.0.1", known["port"]), timeout=60) as line:
            line.sendall(head.encode() + payload)
            received = b"".join(iter(lambda: line.recv(1 << 16), b""))
    except OSError as error:
        raise Unreachable(str(error)) from None
    return _answer(received)


def _answer(received: bytes) -> Any:
    head, _, text = received.partition(b"\r\n\r\n")
    try:
        status = int(head.split()[1])
        found = json.loads(text)
    except (IndexError, ValueError):
        raise Unreachable("the server's answer was cut short") from None
    if status == 200:
        return found
    raise Refused(found["message"])
