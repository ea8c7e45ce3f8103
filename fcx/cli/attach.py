"""A container's streams, signals and terminal, passed through to and from this process."""

from __future__ import annotations

import os
import select
import signal
import socket
import struct
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ..errors import EngineError
from ..image.advice import explain
from ..image.engine import engine_errors

GRACE = 10
"""Seconds between asking a program to stop and killing it."""

WRONG_PROCESSOR = b"exec format error"
HEADER = struct.Struct(">BxxxL")


def run_attached(client: Any, made: Any, *, terminal: bool) -> int:
    """Start a container, pass everything through until it ends, and return its exit code."""
    query = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
    with engine_errors("Attaching to the container"):
        link = client.api.attach_socket(made.id, params=query)
    wire = getattr(link, "_sock", link)
    with engine_errors("Starting the image"), _signals(made), _raw(terminal):
        made.start()
        if terminal:
            _resize(client, made)
        threading.Thread(target=_feed, args=(wire,), daemon=True).start()
        last = b""
        for stream, data in _frames(wire, framed=not terminal):
            target = sys.stderr if stream == 2 else sys.stdout
            target.buffer.write(data)
            target.flush()
            last = data
        code = int(made.wait()["StatusCode"])
    if code and WRONG_PROCESSOR in last:
        raise EngineError(explain("Running the image", WRONG_PROCESSOR.decode()))
    return code


def _frames(wire: socket.socket, *, framed: bool) -> Iterator[tuple[int, bytes]]:
    """(1 for stdout or 2 for stderr, bytes) until the program closes both."""
    while not framed:
        data = wire.recv(65536)
        if not data:
            return
        yield 1, data
    while True:
        header = _exactly(wire, HEADER.size)
        if len(header) < HEADER.size:
            return
        stream, size = HEADER.unpack(header)
        yield stream, _exactly(wire, size)


def _exactly(wire: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        chunk = wire.recv(size - len(data))
        if not chunk:
            break
        data += chunk
    return bytes(data)


def _feed(wire: socket.socket) -> None:
    """Pass standard input on until it ends; then the program sees its end too."""
    with suppress(OSError, ValueError):  # the program ended first, or there is no standard input
        source = sys.stdin.fileno()
        while True:
            select.select([source], [], [])
            data = os.read(source, 65536)
            if not data:
                break
            wire.sendall(data)
        wire.shutdown(socket.SHUT_WR)


@contextmanager
def _signals(made: Any) -> Iterator[None]:
    """Hand an interrupt on to the program; ask it to stop, then kill it, on a request to end."""

    def interrupt(*_: object) -> None:
        with suppress(Exception):
            made.kill(signal="SIGINT")

    def end(*_: object) -> None:
        threading.Thread(target=lambda: made.stop(timeout=GRACE), daemon=True).start()

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, interrupt),
        signal.SIGTERM: signal.signal(signal.SIGTERM, end),
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _raw(terminal: bool) -> Iterator[None]:
    """Give the program the keys as they are pressed, for as long as it runs."""
    if not terminal or not sys.stdin.isatty():
        yield
        return
    import termios
    import tty

    before = termios.tcgetattr(sys.stdin)
    tty.setraw(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _resize(client: Any, made: Any) -> None:
    """The program's terminal is as large as the caller's, now and when that one changes."""

    def fit(*_: object) -> None:
        with suppress(Exception):
            size = os.get_terminal_size()
            client.api.resize(made.id, height=size.lines, width=size.columns)

    fit()
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGWINCH, fit)
