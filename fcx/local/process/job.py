"""One job of the process back end: what was asked, what became of it, how the API shows it."""

from __future__ import annotations

import os
import re
import time
from asyncio.subprocess import Process
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fcx.local.process.nodes import Node, node_list
from fcx.local.process.sbatch import JobSpec
from fcx.local.scheduler import Record
from fcx.local.users import group_name, user_name

FIRST_PRIORITY = 4_294_901_760
LAUNCH_FAILED = 53  # the signal that Slurm reports when a job could not even start


@dataclass(eq=False)
class Step:
    """One srun inside a job, or its batch script."""

    number: str
    name: str
    start: float
    state: str = "RUNNING"
    exit_code: int = 0
    signal: int = 0
    end: float | None = None

    def finish(self, state: str, exit_code: int = 0, number: int = 0) -> None:
        """It is over."""
        if self.end is None:
            self.state, self.exit_code, self.signal = state, exit_code, number
            self.end = time.time()

    def record(self, job_id: str) -> Record:
        """JobTask of the API."""
        until = time.time() if self.end is None else self.end
        return {
            "id": f"{job_id}.{self.number}",
            "name": self.name,
            "status": {
                "state": self.state,
                "stateReason": None,
                "exitCode": self.exit_code,
                "interruptSignal": self.signal,
            },
            "time": {
                "elapsed": int(until - self.start),
                "start": int(self.start),
                "end": None if self.end is None else int(self.end),
                "suspended": 0,
                "limit": None,
            },
        }


@dataclass(eq=False)
class Job:
    """A job from its submission on; `restarts` counts how often it was requeued."""

    id: str
    number: int
    spec: JobSpec
    directory: Path
    partition: str
    account: str
    limit: float | None
    submitted: float = field(default_factory=time.time)
    state: str = "PENDING"
    reason: str = "None"
    exit_code: int = 0
    signal: int = 0
    start: float | None = None
    end: float | None = None
    not_before: float = 0.0
    restarts: int = 0
    nodes: list[Node] = field(default_factory=list)
    cpus: int = 0  # on each node
    steps: list[Step] = field(default_factory=list)
    step_count: int = 0
    supervisor: Process | None = None
    fate: str | None = None  # the state it was brought to from outside, or "REQUEUED"
    ran_out: str | None = None  # TIMEOUT or OUT_OF_MEMORY

    @property
    def script(self) -> Path:
        """The script as it was handed in."""
        return self.directory / "slurm_script"

    @property
    def pending(self) -> bool:
        """Whether it waits."""
        return self.state == "PENDING"

    @property
    def node_list(self) -> str:
        """The nodes it has, or had."""
        return node_list(self.nodes)

    @property
    def left(self) -> float | None:
        """Seconds until its time limit; None without one."""
        if self.limit is None or self.start is None:
            return self.limit
        return max(0.0, self.start + self.limit - time.time())

    def path(self, pattern: str | None, default: str | None) -> str:
        """A file name of the job, with Slurm's % marks filled in, absolute."""
        text = self._filled(pattern or default or f"slurm-{self.id}.out")
        return os.path.join(self.spec.chdir, text)

    def _filled(self, pattern: str) -> str:
        marks = {
            "j": self.id,
            "A": self.id,
            "J": self.id,
            "x": self.spec.name,
            "u": user_name(),
            "N": self.nodes[0].name if self.nodes else "",
            "n": "0",
            "t": "0",
            "s": "batch",
            "a": "4294967294",
            "%": "%",
        }

        def one(match: re.Match[str]) -> str:
            text = marks.get(match[2], match[0])
            return text.zfill(int(match[1])) if match[1] and match[2] in "jAJnta" else text

        return re.sub(r"%(\d*)([a-zA-Z%])", one, pattern)

    @property
    def stdout(self) -> str:
        """Where its output goes."""
        return self.path(self.spec.output, None)

    @property
    def stderr(self) -> str:
        """Where its errors go: with the output, unless told otherwise."""
        return self.path(self.spec.error, self.spec.output)

    @property
    def stdin(self) -> str:
        """Where it reads from."""
        return self.path(self.spec.input, os.devnull)

    def record(self, estimated_start: float | None) -> Record:
        """JobModel of the API: as squeue has it while it waits, else as sacct has it."""
        return {
            "jobId": self.id,
            "name": self.spec.name,
            "status": self._status(),
            "tasks": [] if self.pending else [step.record(self.id) for step in self.steps],
            "time": self._times(estimated_start),
            "account": self.account,
            "allocationNodes": len(self.nodes) if self.nodes else (self.spec.nodes or 1),
            "cluster": "cluster",
            "group": group_name(),
            "nodes": "" if self.pending else (self.node_list or "None assigned"),
            "partition": self.partition,
            "killRequestUser": None,
            "user": user_name(),
            "workingDirectory": self.spec.chdir,
            "priority": 0 if self.reason == "JobHeldUser" else FIRST_PRIORITY - self.number,
        }

    def _status(self) -> Record:
        return {
            "state": self.state,
            "stateReason": self.reason,
            "exitCode": None if self.pending else self.exit_code,
            "interruptSignal": None if self.pending else self.signal,
        }

    def _times(self, estimated_start: float | None) -> Record:
        limit = None if self.limit is None else int(self.limit)
        if self.pending:
            start = None if estimated_start is None else int(estimated_start)
            end = None if start is None or limit is None else start + limit
            return {"elapsed": 0, "start": start, "end": end, "suspended": None, "limit": limit}
        until = time.time() if self.end is None else self.end
        return {
            "elapsed": 0 if self.start is None else int(until - self.start),
            "start": int(self.start if self.start is not None else until),
            "end": None if self.end is None else int(self.end),
            "suspended": 0,
            "limit": limit,
        }

    def metadata(self) -> Record:
        """JobMetadataModel of the API; a path ends at its first blank, as in the real server."""
        return {
            "jobId": self.id,
            "script": self.script.read_bytes().decode("utf-8", "replace"),
            "standardInput": self.stdin.split()[0],
            "standardOutput": self.stdout.split()[0],
            "standardError": self.stderr.split()[0],
        }

    def for_tools(self) -> dict[str, Any]:
        """What squeue prints from."""
        return {
            "id": self.id,
            "name": self.spec.name,
            "state": self.state.partition(" ")[0],
            "reason": self.reason,
            "partition": self.partition,
            "account": self.account,
            "user": user_name(),
            "group": group_name(),
            "elapsed": 0 if self.start is None else (self.end or time.time()) - self.start,
            "left": self.left,
            "limit": self.limit,
            "num_nodes": len(self.nodes) or self.spec.nodes or 1,
            "nodes": self.node_list,
            "batch_host": self.nodes[0].name if self.nodes else "n/a",
            "cpus": (self.cpus or 1) * (len(self.nodes) or 1),
            "submitted": self.submitted,
            "start": self.start,
            "end": self.end
            or (None if not self.start or not self.limit else self.start + self.limit),
            "directory": self.spec.chdir,
            "command": str(self.script),
            "comment": self.spec.comment,
            "priority": FIRST_PRIORITY - self.number,
        }
