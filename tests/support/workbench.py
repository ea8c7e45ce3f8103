"""What the tests of the local cluster share: a pyfirecrest client and a place to work in."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from executors.deadline import eventually as until
from firecrest import ClientCredentialsAuth
from firecrest.FirecrestException import UnexpectedStatusException
from firecrest.v2 import Firecrest

MINUTE = 6.0  # seconds that a minute of a time limit lasts: short, yet long enough to get ready
KILL_WAIT = 5.0  # and those between TERM and KILL
ENDED = ("COMPLETED", "FAILED", "TIMEOUT", "CANCELLED", "NODE_FAIL", "PREEMPTED", "OUT_OF_MEMORY")


def alive(pid: int) -> bool:
    """Whether a process is there and not a zombie."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def refused(request: Callable[..., Any], *args: object) -> tuple[int, str]:
    """Status and message of a refusal."""
    with pytest.raises(UnexpectedStatusException) as error:
        request(*args)
    answer = error.value.responses[-1]
    return answer.status_code, answer.json()["message"]


class Bench:
    """A running cluster, seen by a user."""

    def __init__(self, env: Any) -> None:
        self.env = env
        names = ("FIRECREST_CLIENT_ID", "FIRECREST_CLIENT_SECRET", "AUTH_TOKEN_URL")
        auth = ClientCredentialsAuth(*(env[name] for name in names))
        self.api = Firecrest(env["FIRECREST_URL"], authorization=auth)
        self.api.timeout = 30
        self.system = env["FIRECREST_SYSTEM"]
        self.folder = Path(tempfile.mkdtemp(dir=env.root))

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, *_: object) -> None:
        self.api.close_session()

    def submit(self, body: str, *options: str, shebang: str = "#!/bin/bash") -> str:
        """Queue a script with `#SBATCH` options; the job's id."""
        lines = [shebang, *(f"#SBATCH {option}" for option in options), body, ""]
        job = self.api.submit(self.system, str(self.folder), script_str="\n".join(lines))
        return str(job["jobId"])

    def job(self, job_id: str) -> dict[str, Any]:
        """A job's record."""
        return dict(self.api.job_info(self.system, job_id)[0])

    def state(self, job_id: str) -> str:
        """A job's state."""
        return str(self.job(job_id)["status"]["state"])

    def ended(self, job_id: str) -> dict[str, Any]:
        """A job's record once it and its steps are over."""

        def look() -> dict[str, Any] | None:
            job = self.job(job_id)
            steps = [task["status"]["state"] for task in job["tasks"]]
            over = job["status"]["state"].startswith(ENDED) and "RUNNING" not in steps
            return job if over else None

        return dict(until(look))

    def output(self, job_id: str) -> str:
        """What a job printed so far."""
        path = self.folder / f"slurm-{job_id}.out"
        return path.read_text() if path.exists() else ""

    def run(self, body: str, *options: str, shebang: str = "#!/bin/bash") -> str:
        """A script's output, once it is over."""
        job_id = self.submit(body, *options, shebang=shebang)
        self.ended(job_id)
        return self.output(job_id)

    def appears(self, name: str) -> Path:
        """A file of the folder, once it is there and not empty."""
        path = self.folder / name
        until(lambda: path.exists() and path.read_text().endswith("\n"))
        return path
