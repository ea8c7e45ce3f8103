"""A running cluster as its starter holds it: the six variables, the figures, the faults.

`api/control.py` is the other end.
"""

from __future__ import annotations

import contextlib
import http.client
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote


class FaultControl:
    """Makes things go wrong in a running cluster; faults.py says what there is."""

    def __init__(self, ask: Callable[..., Any]) -> None:
        self._ask = ask

    def set(
        self, kind: str, *, times: int | None = None, probability: float = 1.0, **effects: Any
    ) -> None:
        """Put faults in force: `set("submit", ghost=1)`, `set("*", latency=0.2)`."""
        self._ask(
            "POST",
            "faults",
            {"kind": kind, "effects": effects, "times": times, "probability": probability},
        )

    def clear(self, kind: str | None = None) -> None:
        """Lift the faults of a kind of request, or all of them."""
        self._ask("DELETE", "faults" if kind is None else f"faults?kind={quote(kind)}")

    def injected(self) -> list[dict[str, Any]]:
        """What the faults did so far: time, kind, effects."""
        return list(self._ask("GET", "faults"))

    def seed(self, seed: int) -> None:
        """Begin the sequence of chances anew."""
        self._ask("POST", "faults/seed", {"seed": seed})

    def token_lifetime(self, seconds: float) -> None:
        """How long the tokens live that are handed out from now on."""
        self._ask("POST", "tokens", {"lifetime": seconds})

    def expire_tokens(self) -> None:
        """Make all tokens invalid that were handed out so far."""
        self._ask("POST", "tokens", {"expire": True})

    def refuse_credentials(self, refuse: bool = True) -> None:
        """Refuse client id and secret at the token endpoint, or accept them again."""
        self._ask("POST", "tokens", {"refuse": refuse})

    def fail_node(self, job_id: str) -> None:
        """The job's node dies; the job is requeued, or NODE_FAIL with --no-requeue."""
        self._ask("POST", f"jobs/{job_id}/node_fail")

    def preempt(self, job_id: str) -> None:
        """Another job takes its place; it is requeued, or PREEMPTED with --no-requeue."""
        self._ask("POST", f"jobs/{job_id}/preempt")

    def requeue(self, job_id: str) -> None:
        """What `scontrol requeue` does."""
        self._ask("POST", f"jobs/{job_id}/requeue")

    def run_out_of_memory(self, job_id: str) -> None:
        """The kernel kills it for its memory."""
        self._ask("POST", f"jobs/{job_id}/oom")


class Environment(dict[str, str]):
    """The six variables of a running cluster, and a view of what reached it.

    `url` is the API's base address, `root` the cluster's private directory, `pid` the server's
    process, `faults` the way to make things go wrong.
    """

    def __init__(self, announcement: Mapping[str, Any]) -> None:
        super().__init__(announcement["env"])
        self.url: str = announcement["url"]
        self.root: str = announcement["root"]
        self.pid: int = announcement["pid"]
        self.faults = FaultControl(self._control)
        self._token: str = announcement["control"]

    def counts(self) -> dict[str, int]:
        """Requests so far, by kind (api/kinds.py says which there are)."""
        return dict(self._control("GET", "counts")["requests"])

    def statuses(self) -> dict[int, int]:
        """Answers so far, by HTTP status."""
        found = self._control("GET", "counts")["statuses"]
        return {int(status): count for status, count in found.items()}

    def reset_counts(self) -> None:
        """Start counting at nothing again."""
        self._control("DELETE", "counts")

    def submissions(self) -> list[dict[str, Any]]:
        """Jobs accepted so far: jobId, script, scriptPath, workingDirectory, account."""
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
