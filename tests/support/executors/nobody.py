"""Addresses of this machine's own at which no FirecREST answers, held for as long as a block."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

HOST = "127.0.0.1"


@contextlib.contextmanager
def refusing() -> Iterator[str]:
    """A URL whose port is taken, but by nobody who listens: each connection is refused."""
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        yield f"http://{HOST}:{taken.getsockname()[1]}"


@contextlib.contextmanager
def hanging_up() -> Iterator[tuple[str, threading.Event]]:
    """A URL where each connection is closed without a word, and an event: somebody has called."""
    called = threading.Event()
    with socket.create_server((HOST, 0)) as server:
        thread = threading.Thread(target=_hang_up, args=(server, called), daemon=True)
        thread.start()
        yield f"http://{HOST}:{server.getsockname()[1]}", called
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)  # wakes the thread
        thread.join()


def _hang_up(server: socket.socket, called: threading.Event) -> None:
    with contextlib.suppress(OSError):
        while True:
            server.accept()[0].close()
            called.set()
