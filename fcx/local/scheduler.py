"""What the server asks of a scheduler: the interface of the two back ends.

`process/` runs scripts as processes, `slurm/` calls the machine's own sbatch, scontrol, scancel and
srun. All methods are coroutines and run in the server's event loop: none may
block it for more than a millisecond or two. Records are the JSON objects of the API
(`JobModel`, `JobMetadataModel`, `NodeModel`, ... of FirecREST's OpenAPI document), key for key.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import SchedulerError

Record = dict[str, Any]


@dataclass(frozen=True)
class SchedulerSettings:
    """What a back end is told when the cluster starts.

    `root` is the cluster's private directory; `python` the interpreter that jobs find as
    `python3`. `kill_wait` is Slurm's KillWait in seconds, `command_timeout` what one command on
    the login node may take, `minute` how long a minute of a time limit lasts (tests make it
    short), `min_job_age` how long an ended job's metadata is kept.
    """

    root: Path
    python: str
    nodes: int = 1
    cpus_per_node: int = 8
    kill_wait: float = 2.0
    command_timeout: float = 5.0
    minute: float = 60.0
    accounts: tuple[str, ...] = ("staff", "users")
    min_job_age: float = 300.0


@dataclass(frozen=True)
class JobRequest:
    """A job as `POST /compute/{system}/jobs` describes it; one of script and script_path is set."""

    working_directory: str
    script: str | None = None
    script_path: str | None = None
    name: str | None = None
    account: str | None = None
    partition: str | None = None
    reservation: str | None = None
    constraints: str | None = None
    standard_input: str | None = None
    standard_output: str | None = None
    standard_error: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


class Scheduler(ABC):
    """A back end. Failures are SchedulerError, worded as the real commands word them."""

    version = "22.05.8"
    transfer_directives: tuple[str, ...] = ()  # #SBATCH lines of the server's own transfer jobs

    def __init__(self, settings: SchedulerSettings) -> None:
        self.settings = settings

    async def start(self) -> None:  # noqa: B027  # not every back end has something to make ready
        """Make ready: look for the commands, start what must run beside. May raise."""

    @abstractmethod
    async def close(self) -> None:
        """End every job that this back end submitted, and nothing else; all are gone then."""

    @abstractmethod
    async def submit(self, request: JobRequest, *, delay: float = 0.0) -> str:
        """Queue a job, which starts no earlier than in `delay` seconds (a fault); its id.

        Refused: `SchedulerError.of_command(status, sbatch's stderr)`.
        """

    @abstractmethod
    async def jobs(
        self,
        job_id: str | None = None,
        *,
        all_users: bool = False,
        account: str | None = None,
        name: str | None = None,
        window: float = 24 * 3600.0,
    ) -> list[Record]:
        """Records of one job (none where unknown), or of all; ended ones `window` s back."""

    @abstractmethod
    async def metadata(self, job_id: str) -> list[Record]:
        """Script and file names of a job; empty where the scheduler no longer knows it."""

    @abstractmethod
    async def cancel(self, job_id: str) -> None:
        """Scancel. An ended or unknown job is a SchedulerError, as in the real server."""

    @abstractmethod
    async def attach(self, job_id: str, command: str) -> None:
        """Run `srun --overlap COMMAND` inside a running job, at most `command_timeout` seconds."""

    @abstractmethod
    async def nodes(self) -> list[Record]:
        """The nodes (NodeModel)."""

    @abstractmethod
    async def partitions(self, *, show_hidden: bool = False) -> list[Record]:
        """The partitions (PartitionModel)."""

    @abstractmethod
    async def reservations(self) -> list[Record]:
        """The reservations (ReservationModel)."""

    @abstractmethod
    async def accounts(self) -> list[Record]:
        """The user's accounts: `{"name": ..., "default": bool}`."""

    async def ask(self, what: str, body: Record) -> Any:
        """Answer a program that runs inside a job (the process back end's own srun and kin)."""
        raise SchedulerError("Not Found", status=404)

    def announce(  # noqa: B027  # for back ends with programs of their own
        self, port: int, token: str, engine: list[str] | None
    ) -> None:
        """Told where the server listens; `engine` enters the container of an EDF."""

    async def requeue(self, job_id: str) -> None:
        """Fault: what `scontrol requeue` does, the same id runs again."""
        raise SchedulerError(f"requeue is not offered by this back end (job {job_id})", status=501)

    async def fail_node(self, job_id: str) -> None:
        """Fault: the job's node dies under it; state NODE_FAIL, every process of it killed."""
        raise SchedulerError(f"node failure is not offered here (job {job_id})", status=501)

    async def run_out_of_memory(self, job_id: str) -> None:
        """Fault: the kernel kills the job for its memory; state OUT_OF_MEMORY."""
        raise SchedulerError(
            f"running out of memory is not offered here (job {job_id})", status=501
        )

    async def preempt(self, job_id: str) -> None:
        """Fault: another job takes the place of this one; state PREEMPTED."""
        raise SchedulerError(f"preemption is not offered here (job {job_id})", status=501)
