"""The server of `fcx runs watch`: what is not there, and tabs that are closed."""

from __future__ import annotations

import socket
import struct
import threading

import pytest
from executors.deadline import WAIT, eventually

from fcx.cli.watching import PageServer


class Large:
    """A page that does not fit into what a socket takes at once."""

    def __init__(self) -> None:
        self.asked = threading.Event()

    def version(self) -> str:
        return "on-1"

    def page(self) -> str:
        self.asked.set()
        return "x" * (32 << 20)


def answering() -> bool:
    return any("process_request" in one.name for one in threading.enumerate())


@pytest.mark.parametrize("sent", [b"GET {} HTTP/1.1\r\n\r\n", b"GET {"])
def test_a_tab_that_is_closed_is_nobodys_trouble(sent, capfd):
    source = Large()
    with PageServer(source) as server:
        path = server.url.split(str(server.port))[1]
        for _ in range(3):
            client = socket.create_connection(("127.0.0.1", server.port), WAIT)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.sendall(sent.replace(b"{}", path.encode()))
            if b"{}" in sent:
                assert source.asked.wait(WAIT)
            client.close()  # with a reset, as a browser may
        eventually(lambda: not answering(), WAIT)
    assert capfd.readouterr().err == ""


def test_what_goes_wrong_otherwise_is_told(capfd):
    class Broken(Large):
        def page(self) -> str:
            raise ValueError("no page")

    with PageServer(Broken()) as server:
        with socket.create_connection(("127.0.0.1", server.port), WAIT) as client:
            path = server.url.split(str(server.port))[1]
            client.sendall(f"GET {path} HTTP/1.1\r\n\r\n".encode())
            assert client.recv(1) == b""
        eventually(lambda: not answering(), WAIT)
    assert "no page" in capfd.readouterr().err
