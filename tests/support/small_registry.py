"""A small registry in this process, which keeps manifests and asks for a login as real ones do."""

from __future__ import annotations

import base64
import json
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from fcx.image.registry import Login, Stored

CONFIG = b'{"os": "linux", "architecture": "amd64"}'
ADA = Login("ada", "word")


class Small(BaseHTTPRequestHandler):
    """Keeps manifests; asks for a login as the server's ``how`` says."""

    def log_message(self, *words: Any) -> None:
        """Says nothing."""

    def do_GET(self) -> None:
        """A manifest, a blob, or a token."""
        path, _, query = self.path.partition("?")
        if path == "/token":
            self.token(dict(urllib.parse.parse_qsl(query)))
        elif self.allowed():
            kind, _, name = path.rpartition("/")
            found = CONFIG_OF if kind.endswith("blobs") else self.server.kept.get(name)
            self.say(*((200, *found) if found else (404, "text/plain", b"")))

    do_HEAD = do_GET

    def do_PUT(self) -> None:
        """Keep one."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.allowed() and not self.lacks(body):
            kept = self.headers["Content-Type"], body
            self.server.kept[self.path.rpartition("/")[2]] = kept
            self.server.kept[Stored(*kept).digest] = kept
            self.say(201, "text/plain", b"")

    def lacks(self, body: bytes) -> bool:
        """Whether a list has an image that is not here; then 400 has gone out."""
        entries = json.loads(body).get("manifests", []) if self.server.whole else []
        if all(one["digest"] in self.server.kept for one in entries):
            return False
        said = {"errors": [{"code": "MANIFEST_BLOB_UNKNOWN", "message": "blob unknown"}]}
        self.say(400, "application/json", json.dumps(said).encode())
        return True

    def do_POST(self) -> None:
        """A token for a token."""
        form = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.token(dict(urllib.parse.parse_qsl(form)))

    def token(self, asked: dict[str, str]) -> None:
        """One that says for whom, and for what."""
        self.server.asked.append(asked)
        basic = self.headers.get("Authorization", "")
        user = base64.b64decode(basic.partition(" ")[2]).decode().partition(":")[0]
        user = user or asked.get("refresh_token", "") or "anybody"
        self.say(200, "application/json", self.server.token or json.dumps({"token": user}).encode())

    def allowed(self) -> bool:
        """Whether the answer may follow; else 401 has gone out."""
        how, who = self.server.how, self.headers.get("Authorization", "")
        self.server.seen.append(who)
        if not how or who in (ADA.basic() if "Basic" in how else "Bearer ada", "Bearer kept"):
            return True
        if self.server.public and who == "Bearer anybody" and self.command != "PUT":
            return True
        self.send_response(401)
        self.send_header("WWW-Authenticate", how.replace("HERE", self.headers["Host"]))
        self.send_header("Content-Length", "0")
        self.end_headers()
        return False

    def say(self, status: int, kind: str, body: bytes) -> None:
        """An answer."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


CONFIG_OF = ("application/octet-stream", CONFIG)
BASIC = 'Basic realm="x"'
BEARER = 'Bearer realm="http://HERE/token",service="s",scope="repository:other:pull"'


@contextmanager
def small_registry() -> Iterator[ThreadingHTTPServer]:
    """The registry; ``host`` is where it listens."""
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Small)
    server.kept, server.seen, server.asked, server.how, server.public = {}, [], [], "", False
    server.whole, server.token = False, b""
    server.host = f"127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
