"""A page in headless Chromium: what it draws, what it says on its console, what it asks for.

By the DevTools protocol over a pipe: JSON texts that end with NUL, on descriptors 3 and 4.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--remote-debugging-pipe", "--window-size=1100,1600"),
)


class Page:
    """One page; ``errors`` and ``requests`` gather while it is asked things."""

    def __init__(self, read: int, write: int) -> None:
        self._read, self._write = read, write
        self._left = b""
        self._number = 0
        self._session = ""
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.loaded = 0

    def ask(self, method: str, **values: Any) -> dict[str, Any]:
        """Have something done; what comes meanwhile is noted."""
        self._number += 1
        told = {"id": self._number, "method": method, "params": values}
        if self._session:
            told["sessionId"] = self._session
        os.write(self._write, json.dumps(told).encode() + b"\0")
        while True:
            heard = self._hear()
            if heard.get("id") == self._number:
                assert "error" not in heard, heard
                return dict(heard["result"])

    def _hear(self) -> dict[str, Any]:
        while b"\0" not in self._left:
            data = os.read(self._read, 1 << 16)
            assert data, "Chromium has ended"
            self._left += data
        text, _, self._left = self._left.partition(b"\0")
        heard: dict[str, Any] = json.loads(text)
        self._note(heard.get("method", ""), heard.get("params", {}))
        return heard

    def _note(self, method: str, told: dict[str, Any]) -> None:
        if method == "Runtime.exceptionThrown":
            self.errors.append(str(told["exceptionDetails"]))
        elif method == "Log.entryAdded" and told["entry"]["level"] in ("error", "warning"):
            self.errors.append(f"{told['entry']['text']} {told['entry'].get('url', '')}")
        elif method == "Runtime.consoleAPICalled":
            self.errors.append(str(told["args"]))
        elif method == "Network.requestWillBeSent":
            self.requests.append(told["request"]["url"])
        elif method == "Page.loadEventFired":
            self.loaded += 1

    def open(self, url: str) -> None:
        """Go there, and wait until all of it is."""
        self.errors, self.requests, self.loaded = [], [], 0
        self.ask("Page.navigate", url=url)
        while not self.loaded:
            self._hear()

    def says(self, expression: str) -> Any:
        """What an expression of JavaScript gives there."""
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait(self, expression: str) -> None:
        """Until it is true."""
        promise = f"new Promise(done => (function look() {{ if ({expression}) done(); else setTimeout(look, 50); }})())"
        answer = self.ask("Runtime.evaluate", expression=promise, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        """Move, press or release it."""
        self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def prefers(self, scheme: str) -> None:
        """``dark`` or ``light``."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.ask("Emulation.setEmulatedMedia", features=features)

    def picture(self) -> bytes:
        """A PNG."""
        return base64.b64decode(self.ask("Page.captureScreenshot")["data"])

    def begin(self) -> None:
        """A page of its own, of which everything is heard."""
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")


@contextlib.contextmanager
def opened(folder: Path, scripts: bool = True) -> Iterator[Page]:
    """A browser with one page; without ``scripts``, it runs none."""
    program = shutil.which("chromium")
    assert program is not None
    to_read, to_write = os.pipe()
    from_read, from_write = os.pipe()
    home = tempfile.mkdtemp(dir=folder)
    command = shlex.join([program, *QUIET, f"--user-data-dir={home}"])
    process = subprocess.Popen(
        ["/bin/bash", "-c", f"exec {command} 3<&{to_read} 4>&{from_write}"],
        pass_fds=(to_read, from_write),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "HOME": home},
        start_new_session=True,
    )
    os.close(to_read)
    os.close(from_write)
    try:
        page = Page(from_read, to_write)
        page.begin()
        if not scripts:
            page.ask("Emulation.setScriptExecutionDisabled", value=True)
        yield page
    finally:
        with contextlib.suppress(OSError):
            os.killpg(process.pid, 15)
        process.wait(30)
        os.close(from_read)
        os.close(to_write)


@pytest.fixture
def chromium(tmp_path: Path) -> Iterator[Page]:
    """A page in a browser of its own; skipped where there is none."""
    if shutil.which("chromium") is None:
        pytest.skip("there is no Chromium: apt-get install chromium")
    with opened(tmp_path) as page:
        yield page
