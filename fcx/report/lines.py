"""The lines of a ledger: what a process notes of a run while it serves it, for reports.

A ledger is JSON, a line for each note, tagged with its kind (``k``). One process writes one file;
the numbers of ``failure`` hold within it. ``at`` is when this machine's clock said so
(seconds since the epoch), ``node`` in a name what the node's own clock said; 0: not told.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

FORMAT = 1
Moment = Annotated[float, msgspec.Meta(ge=0, le=1e11)]  # any other is no time: its line is spoilt
Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e11)]
Count = Annotated[int, msgspec.Meta(ge=-1, le=1 << 53)]


class Line(msgspec.Struct, frozen=True, tag_field="k", omit_defaults=True, gc=False):
    """One note."""


class Began(Line, frozen=True, tag="began"):
    """A process begins to serve the run."""

    at: Moment
    run: str
    name: str
    system: str
    api_url: str
    fcx: str
    python: str
    host: str
    pid: int
    format: int = FORMAT
    account: str = ""


class Shape(Line, frozen=True, tag="shape"):
    """What pilots of a shape are asked for with."""

    shape: int
    sbatch_options: tuple[str, ...]
    srun_options: tuple[str, ...]
    workers_per_node: int
    nodes: int


class Code(Line, frozen=True, tag="code"):
    """SHA-256 of what a function does, by the mark that its tasks have; empty: nobody can see."""

    function: str
    digest: str


class Task(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A task, as the executor's core has it (``TaskInfo``): these fields of it, in their places.

    That is written as it is, so that to note a task takes no more than to write it.
    """

    id: str
    name: str
    size: int
    function: str = ""
    walltime: float | None = None
    archives: tuple[tuple[str, int], ...] = ()
    requirements: int = 0
    key: str = ""
    runs: tuple[Any, ...] = ()
    shape: int = 0


class Tasks(Line, frozen=True, tag="tasks"):
    """Tasks that were submitted then; ``earlier``: by another process, nobody here knows when."""

    at: Moment
    tasks: tuple[Task, ...]
    earlier: bool = False


class Same(Line, frozen=True, tag="same"):
    """A task that was submitted is one of an earlier process."""

    task: str
    earlier: str


class Pilot(Line, frozen=True, tag="pilot"):
    """A pilot is about to be submitted, or has a job now."""

    at: Moment
    pilot: str
    job: str = ""
    shape: int = 0


class Up(Line, frozen=True, tag="up"):
    """An agent has begun; ``log`` is its name, ``<job>.<restart>.<node>``."""

    at: Moment
    log: str
    pilot: str
    node: str
    node_at: Moment = 0.0
    cpus: Count = 0
    workers: Count = 0


class Read(Line, frozen=True, tag="read"):
    """What a look at an agent's log told of tasks.

    ``runs``: (task, attempt, worker, node time); ``done``: (task, attempt, worker, begin by the
    node, seconds, bytes of the result, number of a failure or 0); ``died``: (task, attempt, worker,
    begin and end by the node, how).
    """

    at: Moment
    log: str
    runs: list[tuple[str, Count, Count, Moment]] = []
    done: list[tuple[str, Count, Count, Moment, Seconds, Count, Count]] = []
    died: list[tuple[str, Count, Count, Moment, Moment, str]] = []


class Left(Line, frozen=True, tag="left"):
    """An agent has ended by itself."""

    at: Moment
    log: str
    why: str
    node_at: Moment = 0.0


Job = tuple[str, str, str, Moment, Moment, Count]  # job, state, reason, begin, end, nodes


class Jobs(Line, frozen=True, tag="jobs"):
    """What Slurm says of pilots' jobs, where it is new."""

    at: Moment
    jobs: list[Job]


class Failure(Line, frozen=True, tag="failure"):
    """A way to fail, by a number; text and traceback are those of the first that failed so."""

    n: int
    error: str
    text: str
    traceback: str = ""


class Settled(Line, frozen=True, tag="settled"):
    """The caller has something else than what the task came to.

    A ``failure``, a cancellation, or (``like``) the end of another task.
    """

    at: Moment
    task: str
    failure: int = 0
    cancelled: bool = False
    like: str = ""


class Place(Line, frozen=True, tag="place"):
    """What is known of where pilots of a shape run, as the report shows it (``model.Place``)."""

    at: Moment
    shape: int
    place: dict[str, Any]


class Requests(Line, frozen=True, tag="requests"):
    """How many requests this process has made for the run, by what for."""

    at: Moment
    made: dict[str, int]


class Full(Line, frozen=True, tag="full"):
    """The ledger takes no more, or could not be written for a while: something is not noted."""

    at: Moment


class Unread(Line, frozen=True, tag="unread"):
    """So many lines make no sense: spoilt, or written by another fcx. Never written."""

    lines: int


class Ended(Line, frozen=True, tag="ended"):
    """The process is done with the run; ``broken``: why it took no more tasks."""

    at: Moment
    broken: str = ""


WrittenLine = (
    Began
    | Shape
    | Code
    | Tasks
    | Same
    | Pilot
    | Up
    | Read
    | Left
    | Jobs
    | Failure
    | Settled
    | Place
    | Requests
    | Full
    | Ended
)
AnyLine = WrittenLine | Unread
_decoder = msgspec.json.Decoder(WrittenLine)
_encoder = msgspec.json.Encoder()


def encode(lines: list[Line]) -> bytes:
    """Lines as they stand in the file; half a character, which no file takes, by its number."""
    try:
        return _encoder.encode_lines(lines)
    except UnicodeEncodeError:
        return b"".join(
            _encoder.encode(_writable(msgspec.to_builtins(one))) + b"\n" for one in lines
        )


def _writable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, (list, tuple)):
        return [_writable(one) for one in value]
    if isinstance(value, dict):
        return {_writable(name): _writable(one) for name, one in value.items()}
    return value


def decode(data: bytes) -> list[AnyLine]:
    """The whole lines of a file, and how many of them this fcx cannot read.

    The last one may just be written, or be all that a killed process has left of it.
    """
    found: list[AnyLine] = []
    unread = 0
    for text in data.split(b"\n")[:-1]:
        try:
            found.append(_decoder.decode(text))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            unread += bool(text)
    return [*found, Unread(unread)] if unread else found
