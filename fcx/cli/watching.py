"""A page on this machine alone, for as long as a command runs: a server of the standard library."""

from __future__ import annotations

import hmac
import os
import secrets
import socket
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

from ..errors import UsageError

LINGER = 6.0  # seconds in which open pages learn that the run is over
HOST = "127.0.0.1"


class Source(Protocol):
    """What is shown."""

    def version(self) -> str:
        """A word that changes when the page does."""

    def page(self) -> str:
        """HTML."""


class PageServer:
    """Serves a page below an address that has a secret in it. Use it as a context manager."""

    def __init__(self, source: Source, port: int = 0) -> None:
        self._source = source
        self._token = secrets.token_urlsafe(24)
        self.seen = False  # somebody has it open
        try:
            self._server = _Server((HOST, port), _handler(self))
        except OSError as error:
            raise UsageError(
                f"Port {port} of this machine cannot be taken: {error.strerror}. Leave out --port, "
                "and one that is free is taken."
            ) from error
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> PageServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """The address, with the secret."""
        return f"http://{HOST}:{self.port}/{self._token}/"

    @property
    def forwarded(self) -> str:
        """How to see it from another machine."""
        host = socket.gethostname()
        return f"ssh -N -L {self.port}:{HOST}:{self.port} {host}, then open that address"

    def over(self) -> None:
        """The run has ended: whoever has the page open is given the time to take the last one."""
        if self.seen:
            threading.Event().wait(LINGER)

    def answer(self, path: str) -> tuple[str, str] | None:
        """(content type, text) for a path; None where there is nothing, or the secret is wrong."""
        token, _, rest = path.removeprefix("/").partition("/")
        if not hmac.compare_digest(token.encode(), self._token.encode()):
            return None
        self.seen = True
        if rest == "version":
            return "text/plain", self._source.version()
        return ("text/html", self._source.page()) if not rest else None


class _Server(ThreadingHTTPServer):
    """Says nothing of a tab that was closed while it was being answered."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whatever else goes wrong is an error of ours."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def _handler(server: PageServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """GET, and nothing else."""

        server_version, sys_version = "fcx", ""

        def do_GET(self) -> None:
            """The page, or whether it has changed."""
            found = server.answer(self.path.partition("?")[0])
            kind, text = found or ("text/plain", "There is nothing here.\n")
            data = text.encode()
            self.send_response(HTTPStatus.OK if found else HTTPStatus.NOT_FOUND)
            for name, value in (
                ("Content-Type", f"{kind}; charset=utf-8"),
                ("Content-Length", str(len(data))),
                ("Cache-Control", "no-store"),
                ("Referrer-Policy", "no-referrer"),
                ("X-Content-Type-Options", "nosniff"),
                ("X-Frame-Options", "DENY"),
            ):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            """Nobody reads it."""

    return Handler


def here() -> bool:
    """Whether whoever started this sits at this machine, as far as can be told."""
    return not any(name in os.environ for name in ("SSH_CONNECTION", "SSH_TTY"))


def has_browser() -> bool:
    """Whether there is a screen for one."""
    screen = "DISPLAY" in os.environ or "WAYLAND_DISPLAY" in os.environ
    return sys.platform in ("darwin", "win32") or screen
