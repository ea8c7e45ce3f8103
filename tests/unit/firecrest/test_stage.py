"""The object store, asked by addresses that are secrets, and told nothing of ours."""

from __future__ import annotations

import asyncio
import contextlib
import http.server
import logging
import random
import re
import threading

import pytest

from fcx.firecrest import stage
from fcx.firecrest.stage import Stage, StageFailed
from fcx.firecrest.transfer import Address, Incoming, ServersJob

DATA = random.Random(3).randbytes(100_000)
SECRET = "X-Amz-Signature=0123456789"


class Store(http.server.BaseHTTPRequestHandler):
    """An object store; ``odd`` changes what it answers."""

    protocol_version = "HTTP/1.1"

    def answer(self, status=200, body=b"", **headers):
        """One answer, unless the test has another."""
        self.server.asked.append((self.command, self.path, dict(self.headers)))
        odd = self.server.odd.get(self.command, {})
        status, body = odd.get("status", status), odd.get("body", body)
        own = {name.replace("_", "-"): value for name, value in headers.items()}
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in {**own, **odd.get("headers", {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        """A range of it."""
        begin, end = map(int, re.findall("[0-9]+", self.headers["Range"]))
        end = min(end, len(DATA) - 1)
        told = f"bytes {begin}-{end}/{len(DATA)}"
        self.answer(206, DATA[begin : end + 1], Content_Range=told)

    def do_PUT(self):
        """One part."""
        number = int(re.search("partNumber=([0-9]+)", self.path)[1])
        self.server.parts[number] = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(ETag=f'"tag & {number}"')

    def do_POST(self):
        """The list of parts."""
        self.server.listed = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer()

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def store(monkeypatch):
    """A store of this machine's own."""
    monkeypatch.setattr(stage, "BLOCK", 7_000)
    monkeypatch.setattr(stage, "PAUSE", 0.0)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Store)
    server.asked, server.odd, server.parts, server.listed = [], {}, {}, b""
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def address(store, more=""):
    """Of the object."""
    return Address(f"http://127.0.0.1:{store.server_port}/bucket/name?{more}{SECRET}")


def done(work):
    """Something with a stage of its own."""

    async def do():
        own = Stage()
        try:
            return await work(own)
        finally:
            await own.close()

    return asyncio.run(do())


def read(store, most=len(DATA)):
    """All of it."""

    async def do(own):
        return b"".join([block async for block in own.read(address(store), most)])

    return done(do)


def write(store, data=DATA, part_size=30_000):
    """An object in parts."""
    count = -(-len(data) // part_size)
    parts = tuple(address(store, f"partNumber={n + 1}&") for n in range(count))
    incoming = Incoming(ServersJob("7"), parts, address(store), part_size)
    done(lambda own: own.write(incoming, len(data), lambda at, size: data[at : at + size]))


def test_it_is_read_in_order(store):
    """Several blocks at a time; no token goes there, and nothing comes packed."""
    assert read(store) == DATA
    assert len(store.asked) == 15
    for _, _, headers in store.asked:
        assert "Authorization" not in headers
        assert headers["Accept-Encoding"] == "identity"


def test_it_is_written_in_parts(store, monkeypatch):
    """Each of a known length, as S3 wants it, and listed by what it is called."""
    monkeypatch.setattr(stage, "STEP", 4_096)
    write(store)
    assert b"".join(store.parts[n] for n in sorted(store.parts)) == DATA
    assert store.listed.count(b"<Part>") == 4
    assert b'<PartNumber>4</PartNumber><ETag>"tag &amp; 4"</ETag>' in store.listed
    assert not any("Transfer-Encoding" in headers for _, _, headers in store.asked)


LIES = [
    ({"status": 200}, "HTTP 200 to a GET"),
    ({"status": 403}, "HTTP 403 to a GET"),
    ({"status": 302, "headers": {"Location": f"/else?{SECRET}"}}, "HTTP 302 to a GET"),
    ({"headers": {"Content-Range": "bytes 7000-13999/100000"}}, "asked for"),
    ({"headers": {"Content-Range": "bytes 0-6999/7000"}, "body": b"x" * 6_999}, "asked for"),
    ({"headers": {"Content-Range": "bytes */0"}, "body": b""}, "asked for"),
    ({"headers": {"Content-Range": "bytes 0-6999/999999999"}}, "more than there should be"),
    ({"headers": {"Content-Encoding": "br"}}, "DecodingError"),
    ({"body": b"x" * 8_000_000}, "DecodingError"),
]


@pytest.mark.parametrize(("odd", "why"), LIES)
def test_what_is_odd_is_told_without_the_address(store, odd, why, caplog):
    """Whatever it is: a proxy's page, another range, more than there should be."""
    caplog.set_level(logging.DEBUG)
    store.odd["GET"] = odd
    with pytest.raises(StageFailed) as failed:
        read(store)
    assert why in str(failed.value)
    assert SECRET not in str(failed.value) + caplog.text
    assert len(store.asked) == (stage.TRIES if why == "DecodingError" else 1)


def test_a_part_that_is_not_taken(store):
    """The others are given up; what S3 finds late stands in an answer that is fine."""
    store.odd["PUT"] = {"headers": {"ETag": ""}}
    with pytest.raises(StageFailed, match="did not say what it took"):
        write(store)
    store.odd = {"POST": {"body": b"<Error><Code>InternalError</Code></Error>"}}
    with pytest.raises(StageFailed, match="could not join"):
        write(store)


def test_nobody_there(store):
    """Told by its host alone."""
    nobody = address(store)
    store.shutdown()
    store.server_close()

    async def ask(own):
        async for _ in own.read(nobody, 1):
            pass

    with pytest.raises(StageFailed, match=r"^127.0.0.1:[0-9]+: ConnectError$"):
        done(ask)


def test_who_reads_no_further(store):
    """Nothing is under way any more."""

    async def ask(own):
        reading = own.read(address(store), len(DATA))
        async with contextlib.aclosing(reading):
            async for _ in reading:
                break
        return len(asyncio.all_tasks())

    assert done(ask) == 1


def test_an_address_is_never_shown(store):
    """In whatever it stands."""
    incoming = Incoming(ServersJob("7"), (address(store),), address(store), 5)
    assert SECRET not in repr(incoming)
