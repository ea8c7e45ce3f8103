"""What can go wrong, as one tree; each error has the exit code that the command line ends with.

::

    FcxError                      1  (a RuntimeError, as what the seed raised)
    ├── UsageError                2  (also a ValueError) what was asked for cannot be
    │   ├── ConfigError           2  credentials or fcx.toml
    │   └── OptionError           2  an sbatch or srun option that cannot be honoured
    ├── EdfError                  1  an EDF that cannot be read; has file, line, column
    ├── ManifestError             1  a manifest or a probe's answer that cannot be read
    ├── StateError                1  what this machine remembers cannot be read or written
    ├── VenvError                 1  the client's environment cannot be made or changed
    ├── ParityError               3  the remote side is not the environment that was asked for
    ├── ClusterError              4  the cluster is not reachable or not willing
    │   ├── Unreachable           4  no usable answer within the time allowed
    │   ├── CredentialsRefused    4  the token endpoint or the API said no
    │   ├── RequestRefused        4  the API said no to this request; has ``status``
    │   │   └── NoSuchPath        4  a file or directory that is not there
    │   ├── JobRefused            4  sbatch said no; its own words are in the message
    │   │   └── SubmitLimit       4  for now: a limit on submitted jobs, a partition that is closed
    │   └── NotShipped            4  an image cannot be put where it is to be on the cluster
    ├── EngineError               5  no container engine, or it failed
    │   ├── EngineUnavailable     5
    │   ├── BuildFailed           5
    │   └── ImageRefused          5  the image lacks what it must have
    └── TaskError                 1  what became of one task when its function did not end by itself
        ├── PayloadError          1  (also a PicklingError, a TypeError) the task cannot be pickled
        ├── ResultError           1  (also a PicklingError) the result cannot be pickled or loaded
        ├── RemoteError           1  stands in for an exception that cannot travel
        ├── TimeLimitExceeded     1  the job's time limit cut the task off
        ├── OutOfMemory           1  (also a MemoryError) the kernel or Slurm killed it
        ├── WorkerDied            1  (also a BrokenExecutor) exit, signal
        ├── NodeFailed            1  node failure, preemption, boot failure
        ├── JobCancelled          1  the pilot was cancelled from outside
        ├── JobFailed             1  the pilot ended without doing its work
        ├── JobNeverRuns          4  pending for a reason that never ends
        ├── RunLost               1  the run directory is gone or unreadable
        ├── RunTaken              1  another client serves the run now: its tasks go on there
        └── InitializerFailed     1  (also a BrokenExecutor)

Only the command line catches FcxError as a whole. A message says what failed, why, and what to do.
"""

from __future__ import annotations

from concurrent.futures import BrokenExecutor
from pickle import PicklingError
from typing import Any


class FcxError(RuntimeError):
    """Root of everything that fcx raises on purpose."""

    exit_code = 1


class UsageError(FcxError, ValueError):
    """The caller asked for something that cannot be."""

    exit_code = 2


class ConfigError(UsageError):
    """Credentials or settings are missing or wrong."""


class OptionError(UsageError):
    """An sbatch or srun option that cannot be honoured."""


class EdfError(FcxError):
    """An EDF that cannot be read. ``file``, ``line`` and ``column`` (1-based) say where."""

    def __init__(self, message: str, file: str = "<edf>", line: int = 1, column: int = 1) -> None:
        nowhere = (file, line, column) == ("<edf>", 1, 1)  # of a file that was not found, say
        super().__init__(message if nowhere else f"{file}:{line}:{column}: {message}")
        self.message, self.file, self.line, self.column = message, file, line, column

    def __reduce__(self) -> tuple[type[EdfError], tuple[str, str, int, int]]:
        return type(self), (self.message, self.file, self.line, self.column)


class ManifestError(FcxError):
    """A manifest or a probe's answer is damaged, or was written by a newer fcx."""


class StateError(FcxError):
    """The file of what this machine remembers (runs, facts) cannot be read or written."""

    busy = False  # another process holds it, which passes


class VenvError(FcxError):
    """The client's environment cannot be made or changed."""


class ParityError(FcxError):
    """The remote side is not what was asked for; ``verdict`` has the differences."""

    exit_code = 3
    verdict: Any = None  # a parity.Verdict, where a comparison was made


class ClusterError(FcxError):
    """The cluster is not reachable or not willing."""

    exit_code = 4


class Unreachable(ClusterError):
    """No usable answer within the time allowed; ``after``: seconds that the server asks to wait."""

    def __init__(self, message: str, after: float = 0.0) -> None:
        super().__init__(message)
        self.after = after


class CredentialsRefused(ClusterError):
    """The token endpoint or the API does not accept the credentials."""


class RequestRefused(ClusterError):
    """The API said no to one request; ``status`` is the HTTP status."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class NoSuchPath(RequestRefused):
    """A file or directory that is not there."""


class JobRefused(ClusterError):
    """Slurm refused the job script; its own words are in the message."""


class SubmitLimit(JobRefused):
    """Slurm takes no further job for now: a limit on submitted jobs, or a closed partition."""


class NotShipped(ClusterError):
    """An image cannot be put where it is to be on the cluster."""


class EngineError(FcxError):
    """No container engine, or it failed."""

    exit_code = 5


class EngineUnavailable(EngineError):
    """No container engine answers."""


class BuildFailed(EngineError):
    """A step of the image build failed."""


class ImageRefused(EngineError):
    """The image lacks what fcx needs of it."""


class TaskError(FcxError):
    """What became of one task when its function did not end by itself."""


class PayloadError(TaskError, PicklingError, TypeError):
    """The task cannot be pickled."""


class ResultError(TaskError, PicklingError):
    """The result cannot be pickled by the worker, or not loaded by the client; ``data`` has it."""

    def __init__(self, message: str, data: bytes = b"") -> None:
        super().__init__(message)
        self.data = data


class RemoteError(TaskError):
    """Stands in for an exception that cannot travel: its type, text and traceback as text.

    ``data``: its pickle, if it has one that the client could not load (``fcx.load_result``).
    """

    data = b""

    def __init__(self, type_name: str, text: str, remote_traceback: str = "") -> None:
        super().__init__(f"{type_name}: {text}")
        self.type_name, self.text, self.remote_traceback = type_name, text, remote_traceback

    def __reduce__(self) -> tuple[type[RemoteError], tuple[str, str, str]]:
        return type(self), (self.type_name, self.text, self.remote_traceback)


class TimeLimitExceeded(TaskError):
    """The job's time limit cut the task off although it was its worker's first."""


class OutOfMemory(TaskError, MemoryError):
    """The task was killed for the memory it took."""


class WorkerDied(TaskError, BrokenExecutor):
    """The process that ran the task ended before the task did."""


class NodeFailed(TaskError):
    """The node failed, or the job was preempted, more often than ``task_retries`` allows."""


class JobCancelled(TaskError):
    """The pilot was cancelled from outside, more often than ``task_retries`` allows."""


class JobFailed(TaskError):
    """The pilot ended without doing its work."""


class JobNeverRuns(TaskError):
    """Slurm keeps the job pending for a reason that never ends."""

    exit_code = 4


class RunLost(TaskError):
    """The run directory is gone or cannot be read."""


class RunTaken(TaskError):
    """Another client has taken the run over: its tasks go on, and that one has their outcomes."""


class InitializerFailed(TaskError, BrokenExecutor):
    """The initializer raised in a worker; the executor takes no more tasks."""
