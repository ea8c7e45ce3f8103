"""What the core is told: ids, sizes and words, never payload or secrets. A trace is made of these.

An event that answers an action names it (``action``). Everything that can happen is one of
``AnyEvent``; msgspec writes and reads it, so that a recorded run can be replayed.
"""

from __future__ import annotations

import msgspec

from .limits import Limits


class Trouble(msgspec.Struct, frozen=True):
    """An error that has not been made yet: a class of fcx.errors by name, and its text.

    ``ref`` names an exception that the driver keeps, where there is one already.
    """

    error: str
    message: str
    ref: int = 0


class TaskInfo(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One task, as much of it as decisions need."""

    id: str
    name: str  # of its function, for people
    size: int  # bytes of its payload; 0 for a task of an earlier process: the inbox has it
    function: str = ""  # digest of the function, under which running times are remembered
    walltime: float | None = None  # seconds
    archives: tuple[tuple[str, int], ...] = ()  # (name, bytes) of the user's own modules
    requirements: int = 0  # number of a set of requirements; 0: none
    key: str = ""  # by which a later process asks for it; empty: none does
    runs: tuple[tuple[int, str, str], ...] = ()  # that came to nothing: attempt, job, why
    shape: int = 0  # of the pilots that run it; 0: the executor's own
    takes: tuple[str, ...] = ()  # tasks whose values it takes, which were not known before


class Event(msgspec.Struct, frozen=True, tag=True, gc=False):
    """Something that has happened."""


# -- from the server ------------------------------------------------------------------------


class Allowed(Event, frozen=True):
    """Requests that the run may make: a second, at once, and after so many seconds of none.

    After ``renews`` seconds the server begins to count anew; 0 where it has not said.
    """

    rate: float
    burst: float
    rest: float = 0.0
    renews: float = 0.0


# -- from the caller ------------------------------------------------------------------------


class Began(Event, frozen=True):
    """The first event of a run. ``open``: a remembered verdict lets payload leave."""

    seed: int
    open: bool


class Shaped(Event, frozen=True):
    """Pilots of another shape are to be had: told before the first task of that shape.

    ``like``: the shape, or one before it, whose verdict is its own; ``open``: a remembered one
    lets payload leave.
    """

    shape: int
    limits: Limits
    like: int
    open: bool = False


class Recalled(Event, frozen=True):
    """What earlier runs have learnt for pilots of a shape, as Remember says it; it may be wrong."""

    shape: int
    seconds: tuple[tuple[str, float], ...]
    starts: tuple[float, ...]


class Attached(Event, frozen=True):
    """The run was begun by another process: its tasks, and (name, job) of its pilots.

    ``attempts``: of each task, as last recorded. ``by_key``: tasks wait until a task of the same
    key is submitted, else somebody waits for all of them. ``partly``: no journal told, so that
    pilots which have not begun may bring tasks that nobody knows of. ``epoch``: which client of
    the run this one is; 0: it has yet to take the run over.
    """

    tasks: tuple[TaskInfo, ...]
    attempts: tuple[int, ...]
    pilots: tuple[tuple[str, str], ...]
    by_key: bool = False
    partly: bool = False
    epoch: int = 2
    shapes: tuple[tuple[str, int], ...] = ()  # of pilots, where they are not the executor's own


class Submitted(Event, frozen=True):
    """New tasks, in the order of submission."""

    tasks: tuple[TaskInfo, ...]


class CancelAsked(Event, frozen=True):
    """The caller has cancelled a task."""

    task: str


class LeaveAsked(Event, frozen=True):
    """The caller hands the value of a task on, and does not want it himself."""

    task: str


class CloseAsked(Event, frozen=True):
    """No more tasks will come; ``abort``: those that there are, are not wanted any more."""

    abort: bool


class Broke(Event, frozen=True):
    """The run cannot go on, for a reason from outside the core; or pilots of a ``shape`` cannot."""

    trouble: Trouble
    shape: int | None = None


class Ticked(Event, frozen=True):
    """Nothing but time."""


# -- answers --------------------------------------------------------------------------------


class Done(Event, frozen=True):
    """What was asked for is done."""

    action: int


class Failed(Event, frozen=True):
    """It was not done, or nobody knows. ``kind`` says what that means.

    passing: no usable answer; the same may succeed later. missing: a file or directory is not
    there. job: sbatch refused the script. limit: sbatch takes no further job for now. refused: any
    other lasting refusal. journal: this machine cannot remember it. bug: an error of ours.
    """

    action: int
    kind: str
    trouble: Trouble
    after: float = 0.0  # seconds that the server asks us to wait


class Prepared(Event, frozen=True):
    """The run directory will do, and is this one."""

    action: int
    directory: str


class Owned(Event, frozen=True):
    """The run belongs to this client, the ``epoch``-th that it has."""

    action: int
    epoch: int


class Encoded(Event, frozen=True):
    """A bundle is ready to leave: its bytes, compressed."""

    action: int
    size: int


class JobMade(Event, frozen=True):
    """Slurm has a job; ``repeated``: other jobs of the same script may be about."""

    action: int
    job: str
    repeated: bool


class FilesListed(Event, frozen=True):
    """A folder of the run directory: (name, bytes), in the order of their names."""

    action: int
    files: tuple[tuple[str, int], ...]


class LinksListed(Event, frozen=True):
    """A folder of symbolic links: (name, target), in the order of their names."""

    action: int
    links: tuple[tuple[str, str], ...]


class JobSeen(msgspec.Struct, frozen=True, array_like=True):
    """What Slurm says of a job: one word for its state.

    Of one that was cancelled, ``user`` is the number of who did it, and ``ours`` which program of
    ours that was, as far as this machine knows.
    """

    job: str
    state: str
    reason: str = ""
    exit_code: int = 0
    signal: int = 0
    name: str = ""
    user: str = ""
    ours: str = ""


class JobsListed(Event, frozen=True):
    """Slurm's recent jobs of this user; the answer took ``seconds``."""

    action: int
    jobs: tuple[JobSeen, ...]
    seconds: float


class JobAnswered(Event, frozen=True):
    """What Slurm says of the job that was asked for; None where it does not know it."""

    action: int
    state: JobSeen | None


class OutputRead(Event, frozen=True):
    """The end of a job's output, as far as there is any."""

    action: int
    text: str


class Judged(Event, frozen=True):
    """The verdict on the place where a pilot runs: None is wrong with it, or this is."""

    action: int
    notes: int
    trouble: Trouble | None = None


class RequirementsJudged(Event, frozen=True):
    """The verdict on what a task refers to."""

    action: int
    trouble: Trouble | None = None


class InboxRead(Event, frozen=True):
    """What lies in the inbox: each task with its bundle and portion; those that were cancelled.

    ``last``: the highest number of a bundle or an order there. ``reserved``: (bundle, pilot), for
    bundles that only one pilot may claim from. ``attempts``: of each task, where that is known.
    ``closed``: so it was left, and no agent serves until that word is gone. ``shapes``: of tasks,
    that were not known before.
    """

    action: int
    tasks: tuple[tuple[TaskInfo, str, int], ...]
    cancelled: tuple[str, ...] = ()
    last: int = 0
    reserved: tuple[tuple[str, str], ...] = ()
    attempts: tuple[int, ...] = ()
    closed: bool = False
    shapes: tuple[Shaped, ...] = ()


class Uploaded(Event, frozen=True):
    """It lies in the run directory.

    ``parts``: why it went in parts, where it might have gone through the site's staging area;
    empty: there is none.
    """

    action: int
    parts: str | None = None


class Fetched(Event, frozen=True):
    """The data of an outcome; ``whole``: it is what the record says.

    ``parts``: why it came in parts, where it might have come through the site's staging area;
    empty: there is none.
    """

    action: int
    whole: bool
    parts: str | None = None


class Settled(Event, frozen=True):
    """The caller has these outcomes; ``kept``: bytes of one could not be loaded, may be wanted."""

    tasks: tuple[str, ...]
    kept: bool = False


# -- records of the agents' logs ------------------------------------------------------------


class Record(msgspec.Struct, frozen=True, tag=True, gc=False):
    """One authenticated record."""


class Up(Record, frozen=True):
    """An agent has begun; ``probe`` names what it found, where it was asked to look."""

    node: str
    pilot: str
    probe: int = 0


class Running(Record, frozen=True):
    """A worker runs this task; ``first``: it is the worker's first in that pilot."""

    task: str
    attempt: int
    slot: int
    first: bool


class Finished(Record, frozen=True):
    """A task has an outcome, here or in ``parts`` files; ``whole``: it is what it says.

    ``value``: it ended well.
    """

    task: str
    attempt: int
    seconds: float
    parts: int = 0
    whole: bool = True
    value: bool = True


class Died(Record, frozen=True):
    """The worker ended before its task did. ``left``: seconds of the job's time limit.

    ``late``: its agent ended it, as the task took longer than its walltime.
    """

    task: str
    attempt: int
    first: bool
    left: float | None
    text: str
    signal: int
    memory: bool
    outside: bool
    parts: int = 0
    late: bool = False


class HandedBack(Record, frozen=True):
    """Tasks (id, attempt) that were claimed and not begun."""

    tasks: tuple[tuple[str, int], ...]


class Drifted(Record, frozen=True):
    """Tasks (id, attempt) that were claimed and would not find what they rely on.

    ``drift`` names the versions that are there instead.
    """

    tasks: tuple[tuple[str, int], ...]
    drift: int


class Refused(Record, frozen=True):
    """The guard found another place than the one that passed; ``ref``: the error that says so."""

    trouble: Trouble


class InitializerDied(Record, frozen=True):
    """The initializer failed in a worker."""

    text: str


class Continued(Record, frozen=True):
    """The log goes on in another segment."""

    segment: int


class Told(Record, frozen=True):
    """All processes of the agent's job step were told to end; what still runs may go on a while."""


class Left(Record, frozen=True):
    """The agent has ended by itself."""

    why: str


AnyRecord = (
    Up
    | Running
    | Finished
    | Died
    | HandedBack
    | Drifted
    | Refused
    | InitializerDied
    | Continued
    | Told
    | Left
)


class LogRead(Event, frozen=True):
    """Records of a log, and how many bytes they took; ``spoilt``: what follows is damaged."""

    action: int
    records: tuple[AnyRecord, ...]
    used: int
    spoilt: bool = False


Answer = (
    Done
    | Failed
    | Prepared
    | Owned
    | Encoded
    | JobMade
    | FilesListed
    | LinksListed
    | JobsListed
    | JobAnswered
    | OutputRead
    | Judged
    | RequirementsJudged
    | InboxRead
    | Uploaded
    | Fetched
    | LogRead
)
AnyEvent = (
    Began
    | Allowed
    | Recalled
    | Shaped
    | Attached
    | Submitted
    | CancelAsked
    | LeaveAsked
    | CloseAsked
    | Broke
    | Ticked
    | Settled
    | Answer
)
