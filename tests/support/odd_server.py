"""A real HTTP server that answers what a test tells it to: a proxy's page, half a body, nonsense.

It gives tokens as FirecREST's does, unless it is told otherwise. What it was asked is kept.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

TOKEN_PATH = "/token"


@dataclass(frozen=True)
class Say:
    """One answer. ``length``: what Content-Length says, if not the truth; -1 leaves it out.

    ``delay``: seconds until it comes.
    """

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "text/html"})
    length: int | None = None
    delay: float = 0.0

    @classmethod
    def json(cls, value: Any, status: int = 200, **headers: str) -> Say:
        """An answer in JSON."""
        shown = {"Content-Type": "application/json", **headers}
        return cls(json.dumps(value).encode(), status, shown)

    @classmethod
    def error(cls, status: int, message: str, **headers: str) -> Say:
        """An error in FirecREST's form."""
        return cls.json({"errorType": "error", "message": message}, status, **headers)


TOKEN = Say.json({"access_token": "t0", "expires_in": 300})


class OddServer:
    """Answers each request with the next of ``answers``, and with the last of them for ever."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answers: deque[Say] = deque()
        self.tokens: deque[Say] = deque([TOKEN])
        self.asked: list[str] = []  # method and path of each request but those for tokens
        self.token_requests: list[Mapping[str, str]] = []  # their headers
        self.peak = 0  # the most requests that were under way at once
        self._under_way = 0
        self._lock = threading.Lock()

    def say(self, *answers: Say) -> None:
        """Answer so from now on."""
        self.answers = deque(answers)
        self.asked.clear()

    @property
    def env(self) -> dict[str, str]:
        """The six variables of an account here."""
        return {
            "FIRECREST_CLIENT_ID": "id",
            "FIRECREST_CLIENT_SECRET": "hush",
            "AUTH_TOKEN_URL": self.url + TOKEN_PATH,
            "FIRECREST_URL": self.url,
            "FIRECREST_SYSTEM": "odd",
            "FIRECREST_ACCOUNT": "a1",
        }

    @contextlib.contextmanager
    def counted(self) -> Iterator[None]:
        """A request is under way."""
        with self._lock:
            self._under_way += 1
            self.peak = max(self.peak, self._under_way)
        try:
            yield
        finally:
            with self._lock:
                self._under_way -= 1

    def next(self, request: BaseHTTPRequestHandler) -> Say:
        path = urlsplit(request.path).path
        if path == TOKEN_PATH:
            self.token_requests.append(dict(request.headers))
            answers = self.tokens
        else:
            self.asked.append(f"{request.command} {path}")
            answers = self.answers
        return answers.popleft() if len(answers) > 1 else answers[0]


def _handler(server: list[OddServer]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Says what is next."""

        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            """Read the request whole, then speak."""
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            with server[0].counted():
                said = server[0].next(self)
                time.sleep(said.delay)
                self._speak(said)

        def _speak(self, said: Say) -> None:
            self.send_response(said.status)
            for name, value in said.headers.items():
                self.send_header(name, value)
            length = len(said.body) if said.length is None else said.length
            if length >= 0 and said.status != 204:
                self.send_header("Content-Length", str(length))
            self.close_connection = length != len(said.body)
            if self.close_connection:
                self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(said.body)

        do_GET = do_POST = do_PUT = do_DELETE = answer

        def log_message(self, *args: Any) -> None:
            """Nothing."""

    return Handler


@contextlib.contextmanager
def odd_server() -> Iterator[OddServer]:
    """One that serves for as long as the context lasts."""
    made: list[OddServer] = []
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(made)) as http:
        made.append(OddServer(f"http://127.0.0.1:{http.server_port}"))
        thread = threading.Thread(target=http.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield made[0]
        finally:
            http.shutdown()
            thread.join()
