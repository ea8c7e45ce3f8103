"""Answers without measure: what is too large or too slow is given up, and costs no memory."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import os
import random
import socket
import subprocess
import sys
import textwrap
import threading
import zlib

import pytest
from executors.deadline import WAIT
from odd_server import Say

from fcx import errors
from fcx.config import Credentials
from fcx.firecrest import session
from fcx.firecrest.client import Client
from fcx.firecrest.loop import LoopThread

JSON = {"Content-Type": "application/json"}
JOBS = b'{"jobs": [{"jobId": "7"}]}'
RAW = zlib.compressobj(wbits=-zlib.MAX_WBITS)
PACKED = {
    "gzip": gzip.compress(JOBS),
    "x-gzip": gzip.compress(JOBS),
    "deflate": zlib.compress(JOBS),
    "Deflate": RAW.compress(JOBS) + RAW.flush(),
    "identity": JOBS,
    "": JOBS,
}
SPACE = b'{"jobs": [' + b" " * (64 << 20) + b"]}"
TOO_MUCH = {
    "gzip that unpacks to 64 MB": Say(gzip.compress(SPACE), headers={"Content-Encoding": "gzip"}),
    "deflate that does": Say(zlib.compress(SPACE), headers={"Content-Encoding": "deflate"}),
    "64 MB": Say(SPACE),
    "64 MB without a length": Say(SPACE, length=-1),
    "a length of a terabyte": Say(JOBS, length=1 << 40),
    "millions of lists": Say(b'{"jobs": [' + b"[]," * 2_000_000 + b"[]]}"),
    "brotli": Say(JOBS, headers={"Content-Encoding": "br"}),
    "two packings": Say(gzip.compress(JOBS), headers={"Content-Encoding": "gzip, gzip"}),
    "gzip that is cut": Say(PACKED["gzip"][:-9], headers={"Content-Encoding": "gzip"}),
    "gzip with more behind it": Say(PACKED["gzip"] * 2, headers={"Content-Encoding": "gzip"}),
    "nonsense as gzip": Say(JOBS, headers={"Content-Encoding": "gzip"}),
}


def listing(env, patience=30.0):
    """The jobs, as a client of its own is told."""

    async def do():
        client = Client(
            Credentials.from_env(env), patience, logging.getLogger("fcx"), random.Random(1)
        )
        try:
            return [job.job for job in (await client.jobs.listing()).jobs]
        finally:
            await client.close()

    return LoopThread.shared().run(do(), WAIT)


class TestSize:
    """Not more than an answer can be."""

    @pytest.mark.parametrize("encoding", PACKED)
    def test_what_is_packed_is_unpacked(self, server, encoding):
        """In the ways that were asked for."""
        headers = {**JSON, **({"Content-Encoding": encoding} if encoding else {})}
        server.say(Say(PACKED[encoding], headers=headers))
        assert listing(server.env) == ["7"]
        assert len(server.asked) == 1

    @pytest.mark.parametrize("name", TOO_MUCH)
    def test_too_much_is_odd(self, server, name):
        """As is what cannot be unpacked: the next answer is asked for."""
        server.say(TOO_MUCH[name], Say(JOBS))
        assert listing(server.env) == ["7"]
        assert len(server.asked) == 2

    def test_more_than_was_announced_is_left(self, server):
        """And is not taken for the next answer."""
        server.say(Say(JOBS + JOBS, length=len(JOBS), headers=JSON))
        assert listing(server.env) == ["7"]
        assert listing(server.env) == ["7"]

    def test_what_it_was_is_said(self, server):
        """When it stays."""
        server.say(Say(JOBS, length=1 << 40))
        with pytest.raises(errors.Unreachable, match="longer than 16 MiB"):
            listing(server.env, patience=0.1)

    def test_text_may_hold_what_would_be_values(self, server):
        """A page of a file of numbers is one value."""
        page = "1,[" * 700_000
        server.say(Say.json({"output": {"content": page}}))

        async def do():
            client = Client(Credentials.from_env(server.env))
            try:
                return await client.files.read_end("/f", 5_000_000)
            finally:
                await client.close()

        assert LoopThread.shared().run(do(), WAIT).decode() == page

    def test_a_token_is_short(self, server):
        """Its endpoint gets less room."""
        long = json.dumps({"access_token": "x" * (2 << 20), "expires_in": 300})
        server.tokens.appendleft(Say(long.encode()))
        server.say(Say(JOBS))
        assert listing(server.env) == ["7"]

    @pytest.mark.slow
    def test_it_costs_no_memory(self, server):
        """A gigabyte in a megabyte of gzip, and the client stays small."""
        packer = zlib.compressobj(9, wbits=16 + zlib.MAX_WBITS)
        body = b"".join(packer.compress(b" " * (1 << 20)) for _ in range(1024)) + packer.flush()
        server.say(Say(body, headers={"Content-Encoding": "gzip"}), Say(JOBS))
        script = textwrap.dedent("""
            import asyncio, resource
            from fcx.config import Credentials
            from fcx.firecrest.client import Client

            async def main():
                client = Client(Credentials.from_env())
                await client.open()
                before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
                listing = await client.jobs.listing()
                await client.close()
                print(len(listing.jobs), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)

            asyncio.run(main())
        """)
        done = subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, **server.env},
            capture_output=True,
            text=True,
            timeout=WAIT,
            check=True,
        )
        jobs, grown = map(int, done.stdout.split())
        assert jobs == 1
        assert grown < 100 << 10  # kB


@pytest.fixture
def dripping(request):
    """A server whose answers come a byte at a time: the head too, or only the body."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip(connection):
            with connection:
                connection.recv(65536)
                whole = head if request.param == "body" else b""
                try:
                    connection.sendall(whole)
                    for byte in (head * 100)[len(whole) :]:
                        if stop.wait(0.05):
                            return
                        connection.sendall(bytes([byte]))
                except OSError:
                    pass

        def serve():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=drip, args=(connection,), daemon=True).start()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        stop.set()
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


class TestTime:
    """An answer that never ends, though a byte of it comes now and then."""

    @pytest.mark.parametrize("dripping", ["body", "head"], indirect=True)
    @pytest.mark.parametrize("variable", ["FIRECREST_URL", "AUTH_TOKEN_URL"])
    def test_it_is_given_up(self, server, dripping, variable, monkeypatch):
        """Of the API and of the token endpoint, with words."""
        monkeypatch.setattr(session, "BEGINS", 1.0)
        with pytest.raises(errors.Unreachable, match="the answer took too long"):
            listing({**server.env, variable: dripping}, patience=0.5)

    def test_the_more_has_come_the_longer_it_may_take(self):
        """A slow line is no reason to give up a large answer."""

        async def do():
            allowance = session.Allowance(10 * session.RATE)
            assert session.BEGINS < allowance.left <= session.BEGINS + 10
            allowance.came(90 * session.RATE)
            return allowance.left

        assert session.BEGINS + 90 < asyncio.run(do()) <= session.BEGINS + 100
