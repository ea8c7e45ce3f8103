"""A user of the local server's `slurm` back end, and waiting for what a real Slurm does."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import firecrest
from cluster.slurm import SlurmCluster

from fcx.local import Environment

# A machine under load takes its time; nothing here waits so long when it works.
PATIENCE = 600.0
ENDED = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "PREEMPTED", "OUT_OF_MEMORY")


@dataclass
class Site:
    """A client of the local server, and a directory that its jobs run in."""

    api: firecrest.v2.Firecrest
    env: Environment
    slurm: SlurmCluster
    folder: Path

    @property
    def system(self) -> str:
        """The name that the server goes by."""
        return self.env["FIRECREST_SYSTEM"]

    def submit(self, script: str, **options: Any) -> str:
        """Queue a script in the test's directory."""
        options.setdefault("working_dir", str(self.folder))
        return str(self.api.submit(self.system, script_str=script, **options)["jobId"])

    def bash(self, body: str, *sbatch: str, **options: Any) -> str:
        """Queue a bash script with these lines of #SBATCH."""
        lines = ["#!/bin/bash", *(f"#SBATCH {line}" for line in sbatch), body]
        return self.submit("\n".join(lines) + "\n", **options)

    def job(self, job_id: str) -> dict[str, Any]:
        """The one record of a job."""
        (record,) = self.api.job_info(self.system, job_id)
        return record

    def until(
        self, job_id: str, right: Callable[[dict[str, Any]], bool], what: str = "state"
    ) -> dict[str, Any]:
        """The job's record once it is right."""
        return wait_for(lambda: self.job(job_id), right, what)

    def ended(self, job_id: str) -> dict[str, Any]:
        """The job's record once it has ended."""
        return self.until(job_id, lambda job: job["status"]["state"].startswith(ENDED))

    def running(self, job_id: str) -> dict[str, Any]:
        """The job's record once it runs."""
        return self.until(job_id, lambda job: job["status"]["state"] == "RUNNING")

    def output(self, job_id: str) -> str:
        """What the job wrote so far."""
        file = self.folder / f"slurm-{job_id}.out"
        return file.read_text() if file.exists() else ""


def held(job: dict[str, Any]) -> bool:
    """Whether Slurm says that the user holds the job."""
    return bool(job["status"]["stateReason"] == "JobHeldUser")


def wait_for(get: Callable[[], Any], right: Callable[[Any], bool], what: str) -> Any:
    """Ask until the answer is right."""
    deadline = time.monotonic() + PATIENCE
    while not right(answer := get()):
        assert time.monotonic() < deadline, f"waited {PATIENCE:.0f} s for {what}: {answer}"
        time.sleep(0.1)
    return answer


@contextlib.contextmanager
def client(env: Environment) -> Iterator[firecrest.v2.Firecrest]:
    """A pyfirecrest client for a running local server."""
    login = firecrest.ClientCredentialsAuth(
        env["FIRECREST_CLIENT_ID"],
        env["FIRECREST_CLIENT_SECRET"],
        env["AUTH_TOKEN_URL"],
        min_token_validity=60,
    )
    api = firecrest.v2.Firecrest(env["FIRECREST_URL"], login)
    yield api
    api.close_session()
