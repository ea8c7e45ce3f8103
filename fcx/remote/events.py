"""What an agent's core is told: what its shell saw, and the answers to what the core asked for.

Ids, sizes and words, never the bytes of a task. After ``StopWorker`` nothing comes of that process.
"""

from typing import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional, Tuple, Union

    from ..protocol.bundle import Head


class TaskInfo(NamedTuple):
    """A claimed task, without its payload."""

    id: str
    attempt: int
    function: str
    walltime: "Optional[float]"
    modules: "Tuple[str, ...]"


class How(NamedTuple):
    """How a process ended.

    ``outside``: by a signal that its code did not cause; ``late``: by us, for its task's walltime.
    """

    text: str
    signal: int = 0
    code: int = 0
    oom: bool = False
    outside: bool = False
    late: bool = False


class Began(NamedTuple):
    """The agent is there."""


class Tick(NamedTuple):
    """Time has passed: what ``due`` named may be due."""


class Signalled(NamedTuple):
    """The job is told to end: SIGTERM, SIGUSR1 and the like."""


class Hello(NamedTuple):
    """A worker's interpreter has started; ``error``: it cannot import what it needs."""

    rank: int
    python: "Optional[str]"
    dill: "Optional[str]"
    error: str = ""


class Ready(NamedTuple):
    """A worker has taken its configuration; ``error``: its initializer failed."""

    rank: int
    error: str = ""


class NotConfigured(NamedTuple):
    """The modules or the initializer could not be read: they may not be there yet."""

    rank: int
    error: str


class Drifted(NamedTuple):
    """A worker was not given its task: what is installed has changed since that was claimed.

    ``changed`` is false where that was told before. ``drifted``: claimed tasks that would not find
    what they rely on, but what is ``found``.
    """

    rank: int
    task: str
    attempt: int
    changed: bool
    drifted: "Tuple[Tuple[str, int], ...]"
    found: "Dict[str, Optional[str]]"


class Finished(NamedTuple):
    """A worker has handed over what became of its task; ``stale``: it should be replaced."""

    rank: int
    stale: bool


class Died(NamedTuple):
    """A worker's process has ended by itself, or could not be started."""

    rank: int
    how: How


class Kept(NamedTuple):
    """The outcome of a worker's task is in the log."""

    rank: int


class NotKept(NamedTuple):
    """The run directory does not take the outcome; ``began``: when its task did, by the clock."""

    rank: int
    size: int
    error: str
    began: float


class Looked(NamedTuple):
    """What is new in the inbox; ``values``: of tasks, that are there."""

    heads: "Tuple[Head, ...]"
    cancelled: "Tuple[str, ...]"
    closed: bool
    values: "Tuple[str, ...]" = ()


class LookFailed(NamedTuple):
    """The inbox could not be read; ``gone``: there is none any more."""

    gone: bool


class Claimed(NamedTuple):
    """A portion is ours.

    ``changed``: something has another version than at the last claim. ``drifted``: tasks that
    would not find what they rely on, but what is ``found``.
    """

    tasks: "Tuple[TaskInfo, ...]"
    changed: bool = False
    drifted: "Tuple[Tuple[str, int], ...]" = ()
    found: "Optional[Dict[str, Optional[str]]]" = None


class Lost(NamedTuple):
    """A portion is somebody else's."""


class ClaimFailed(NamedTuple):
    """It is not known whose a portion is: the run directory did not answer."""


class TimeLeft(NamedTuple):
    """How much time the job has; ``known``: that is final. None: unknown, or no end."""

    known: bool
    seconds: "Optional[float]"


class Found(NamedTuple):
    """What this place is, as far as a guard may ask."""

    place: "Dict[str, Any]"


class Flushed(NamedTuple):
    """What had gathered stands in the log."""


class FlushFailed(NamedTuple):
    """It does not; ``gone``: there is no folder for it, ``full``: there is no room."""

    gone: bool
    full: bool
    error: str


if TYPE_CHECKING:
    Event = Union[
        Began,
        Tick,
        Signalled,
        Hello,
        Ready,
        NotConfigured,
        Drifted,
        Finished,
        Died,
        Kept,
        NotKept,
        Looked,
        LookFailed,
        Claimed,
        Lost,
        ClaimFailed,
        TimeLeft,
        Found,
        Flushed,
        FlushFailed,
    ]
