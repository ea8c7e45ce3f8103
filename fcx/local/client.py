"""`cluster()`: a local cluster for the length of a `with` block."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any


class Environment(dict[str, str]):
    """The six variables of a running cluster, and a view of what reached it.

    `url` is the API's base address, `root` the cluster's private directory.
    """

    def __init__(self, announcement: Mapping[str, Any]) -> None:
        super().__init__(announcement["env"])
        self.url: str = announcement["url"]
        self.root: str = announcement["root"]
        self._token: str = announcement["control"]

    def counts(self) -> dict[str, int]:
        """Requests so far, by kind (see counts.py for the kinds)."""
        return dict(self._control("GET", "counts")["requests"])

    def reset_counts(self) -> None:
        """Start counting at nothing again."""
        self._control("DELETE", "counts")

    def submissions(self) -> list[dict[str, Any]]:
        """Jobs handed in so far: jobId, script, scriptPath, workingDirectory."""
        return list(self._control("GET", "submissions"))

    def uploads(self) -> list[dict[str, Any]]:
        """Files uploaded so far: path and size in bytes."""
        return list(self._control("GET", "uploads"))

    def _control(self, method: str, path: str, body: Any = None) -> Any:
        host, _, port = self.url.removeprefix("http://").partition(":")
        with contextlib.closing(http.client.HTTPConnection(host, int(port), timeout=30)) as conn:
            conn.request(
                method,
                f"/_control/{path}",
                None if body is None else json.dumps(body),
                {"X-Control-Token": self._token, "Content-Type": "application/json"},
            )
            answer = conn.getresponse()
            text = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"the local cluster refused {method} {path}: {text.decode()}")
        return json.loads(text) if text else None


@contextlib.contextmanager
def cluster(
    scheduler: str = "process",
    nodes: int = 1,
    python: str | None = None,
    faults: Mapping[str, Any] | None = None,
    root: str | os.PathLike[str] | None = None,
    *,
    cpus_per_node: int = 8,
    filesystems: Sequence[str] = (),
) -> Iterator[Environment]:
    """Serve a local cluster from a child process; it ends, with its jobs, when the block does."""
    options = {
        "scheduler": scheduler,
        "nodes": nodes,
        "cpus_per_node": cpus_per_node,
        "python": python,
        "root": None if root is None else os.fspath(root),
        "filesystems": list(filesystems),
        "faults": dict(faults or {}),
    }
    child = subprocess.Popen(
        [sys.executable, "-c", "from fcx.local.serve import child; child()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    with child:
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            child.stdin.write(json.dumps(options).encode() + b"\n")
            child.stdin.flush()
            line = child.stdout.readline()
            if not line:
                raise RuntimeError(f"the local cluster did not start (exit code {child.wait()})")
            yield Environment(json.loads(line))
        finally:
            with contextlib.suppress(OSError):
                child.stdin.close()
            child.wait()
