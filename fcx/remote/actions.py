"""What an agent's core wants done. Where answers are named, exactly one of them follows."""

from typing import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional, Tuple, Union

    from .events import How


class StartWorker(NamedTuple):
    """Start a process; it says Hello, or has Died."""

    rank: int


class StopWorker(NamedTuple):
    """Kill a process and what it started, if it is still there, and let go of it."""

    rank: int


class Configure(NamedTuple):
    """Give a worker its modules and the initializer: Ready, NotConfigured, or it has Died."""

    rank: int
    modules: "Tuple[str, ...]"


class Run(NamedTuple):
    """Give a worker a claimed task: Finished, Drifted, or it has Died."""

    rank: int
    task: str
    attempt: int


class Drop(NamedTuple):
    """Forget the payloads of claimed tasks that are not run here."""

    tasks: "Tuple[Tuple[str, int], ...]"


class Keep(NamedTuple):
    """Log what became of a worker's task: Kept or NotKept."""

    rank: int
    task: str
    attempt: int


class KeepDeath(NamedTuple):
    """Log that a worker died of its task, with the output that it left. No answer."""

    rank: int
    task: str
    attempt: int
    first: bool
    left: "Optional[float]"
    how: "How"


class Announce(NamedTuple):
    """Log what this place is, with a snapshot or without. No answer."""

    python: "Optional[str]"
    dill: "Optional[str]"
    probe: bool


class Record(NamedTuple):
    """Log a record of this kind. No answer."""

    kind: str
    fields: "Dict[str, Any]"


class Flush(NamedTuple):
    """Write what has gathered to the log: Flushed or FlushFailed."""


class Beat(NamedTuple):
    """Show that the agent lives. No answer."""


class AskTime(NamedTuple):
    """How much time has the job? TimeLeft."""


class Look(NamedTuple):
    """What is new in the inbox, and which of these values is there? Looked or LookFailed."""

    values: "Tuple[str, ...]" = ()


class Claim(NamedTuple):
    """Claim a portion: Claimed, Lost or ClaimFailed."""

    bundle: str
    portion: int


class Inspect(NamedTuple):
    """What is this place? Found."""

    distributions: bool


class Exit(NamedTuple):
    """End the agent's process. ``text``: what else nobody would learn."""

    code: int
    text: str = ""


if TYPE_CHECKING:
    Action = Union[
        StartWorker,
        StopWorker,
        Configure,
        Run,
        Drop,
        Keep,
        KeepDeath,
        Announce,
        Record,
        Flush,
        Beat,
        AskTime,
        Look,
        Claim,
        Inspect,
        Exit,
    ]
