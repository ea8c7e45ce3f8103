"""What the core asks for. Each action that is answered has an id, which its answer names.

``Request`` goes to the cluster and counts against the budget, ``Errand`` is done on this machine
and answered, ``Note`` is done at once and never answered.
"""

from __future__ import annotations

import msgspec

from .events import TaskInfo, Trouble


class Action(msgspec.Struct, frozen=True, tag=True, gc=False):
    """Something to be done."""


class Note(Action, frozen=True):
    """Done at once; no answer."""


class Errand(Action, frozen=True):
    """Done on this machine; answered."""

    id: int


class Request(Action, frozen=True):
    """Asked of the cluster; answered, perhaps late, perhaps with a failure."""

    id: int


class External(msgspec.Struct, frozen=True, gc=False):
    """It may go through the site's staging area; where that comes to nothing, it goes in parts.

    Seconds for which a job of the server's own may wait in the queue, and for all of it.
    """

    queue: float
    whole: float


# -- notes ----------------------------------------------------------------------------------


class Say(Note, frozen=True):
    """A line for the log. ``level``: info | warning | error."""

    level: str
    text: str


class TellRunning(Note, frozen=True):
    """The task runs in this job."""

    task: str
    job: str


class TellPending(Note, frozen=True):
    """The task waits again."""

    task: str


class Settle(Note, frozen=True):
    """Give the caller the outcome of this attempt, or ``trouble``, or (neither) a cancellation.

    With ``trouble``, ``attempt`` >= 0 names what the task had written before. ``runs``: how often
    it was begun, as far as is known, each with attempt, job, and why that was not the last. The
    caller has it once ``Settled`` says so. ``like``: it ends as that other task did, whose value it
    was to take.
    """

    task: str
    attempt: int
    job: str = ""
    trouble: Trouble | None = None
    cancelled: bool = False
    runs: tuple[tuple[int, str, str], ...] = ()
    like: str = ""
    left: bool = False  # its value stays where it lies until somebody asks for it


class KeepValue(Note, frozen=True):
    """What comes of this task is taken by others: keep it."""

    task: str


class DropValue(Note, frozen=True):
    """Nobody takes it any more."""

    task: str


class Same(Note, frozen=True):
    """A task that was submitted is one of an earlier process: what comes of that is its outcome."""

    task: str
    earlier: str


class Found(Note, frozen=True):
    """Tasks of an earlier process that no journal had: they lie in the inbox."""

    tasks: tuple[TaskInfo, ...]


class Discard(Note, frozen=True):
    """An outcome that nobody waits for any more: let its bytes go."""

    task: str
    attempt: int
    job: str = ""  # in which it ran once too often; empty: it is not that


class DropBundle(Note, frozen=True):
    """Its bytes are not needed any more."""

    bundle: str


class Forget(Note, frozen=True):
    """What is remembered of the remote side no longer counts. ``what``: verdict | directory."""

    what: str
    shape: int = 0


class Remember(Note, frozen=True):
    """What later runs may know: mean seconds of tasks, by function, and until pilots began."""

    shape: int
    seconds: tuple[tuple[str, float], ...]
    starts: tuple[float, ...]


class Broken(Note, frozen=True):
    """The run takes no more tasks, for this reason; or it takes none of a ``shape``."""

    trouble: Trouble
    shape: int | None = None


class Hurry(Note, frozen=True):
    """The caller is leaving: requests are not repeated for long any more."""


class Finish(Note, frozen=True):
    """The run is over."""


# -- errands --------------------------------------------------------------------------------


class Encode(Errand, frozen=True):
    """Make a bundle of these tasks, ``sizes`` of them in each portion. Answer: Encoded.

    ``tasks`` are (id, attempt); ``runs``: what came to nothing before, as (id, attempt, job, why):
    a later process learns it from the bundle. ``pilot``: only that one may claim from it;
    ``seen``: longest runs in seconds by function; ``lacks``: what tasks wait for, by their ids.
    """

    bundle: str
    tasks: tuple[tuple[str, int], ...]
    sizes: tuple[int, ...]
    pilot: str = ""
    seen: tuple[tuple[str, float], ...] = ()
    runs: tuple[tuple[str, int, str, str], ...] = ()
    shape: int = 0
    lacks: tuple[tuple[str, tuple[str, ...]], ...] = ()


class RecordTasks(Errand, frozen=True):
    """Remember (id, attempt) of tasks that are about to be sent. Answer: Done."""

    tasks: tuple[tuple[str, int], ...]


class RecordPilot(Errand, frozen=True):
    """Remember a pilot, and its job once it has one. Answer: Done."""

    pilot: str
    job: str
    shape: int = 0


class RecordEnd(Errand, frozen=True):
    """The run is over; ``kept``: its directory is still there. Answer: Done."""

    kept: bool


class Judge(Errand, frozen=True):
    """Judge what an agent found, in a place of that shape. Answer: Judged."""

    probe: int
    shape: int = 0


class Learn(Errand, frozen=True):
    """Judge from now on by the versions that an agent has found. Answer: Done."""

    drift: int
    shape: int = 0


class JudgeRequirements(Errand, frozen=True):
    """Judge a set of requirements by the verdict that is in force. Answer: RequirementsJudged."""

    requirements: int
    shape: int = 0


# -- requests -------------------------------------------------------------------------------


class Prepare(Request, frozen=True):
    """Learn who we are there, that working_dir will do; open the run. Answer: Prepared."""


class MakeDirectory(Request, frozen=True):
    """Make the run directory, private, with its folders. Answer: Done."""


class UploadInitializer(Request, frozen=True):
    """Answer: Done."""


class UploadArchive(Request, frozen=True):
    """Modules of the user's own, or an object that tasks share. Answer: Uploaded."""

    archive: str
    external: External | None = None


class UploadBundle(Request, frozen=True):
    """Answer: Done."""

    bundle: str


class UploadConfig(Request, frozen=True):
    """What a pilot's agents are told, where it must not stand in the script. Answer: Done."""

    pilot: str
    workers: tuple[int, ...]
    open: bool
    shape: int = 0


class UploadOrder(Request, frozen=True):
    """Tell the agents to drop tasks. Answer: Done."""

    number: int
    cancel: tuple[str, ...]


class SubmitPilot(Request, frozen=True):
    """Submit a job whose script brings these along. Answer: JobMade.

    ``workers``: of each node; ``open``: payload may leave, so the guard goes with it.
    """

    pilot: str
    workers: tuple[int, ...]
    bundles: tuple[str, ...]
    archives: tuple[str, ...]
    open: bool
    shape: int = 0


class CancelJob(Request, frozen=True):
    """Answer: Done, also where the job has ended or is not known."""

    job: str


class ListFolder(Request, frozen=True):
    """A folder of the run directory. Answer: FilesListed."""

    folder: str


class ListLinks(Request, frozen=True):
    """A folder of symbolic links in the run directory. Answer: LinksListed."""

    folder: str


class ListJobs(Request, frozen=True):
    """Slurm's recent jobs of this user, or only these. Answer: JobsListed."""

    jobs: tuple[str, ...] = ()


class ReadLog(Request, frozen=True):
    """A segment of an agent's log, from ``offset`` on. Answer: LogRead.

    ``skip``: the line there has been damaged for long, and is to be left out.
    """

    log: str
    segment: int
    offset: int
    skip: bool = False


class AskJob(Request, frozen=True):
    """Ask Slurm for one job: a listing may leave some out. Answer: JobAnswered."""

    job: str


class ReadOutput(Request, frozen=True):
    """The end of a job's output. Answer: OutputRead."""

    job: str


class TakeOver(Request, frozen=True):
    """Become the client that the run belongs to, whoever it was before. Answer: Owned."""


class ReadInbox(Request, frozen=True):
    """The bundles that lie there. Answer: InboxRead."""


class Fetch(Request, frozen=True):
    """The data of an outcome, in so many parts. Answer: Fetched."""

    task: str
    attempt: int
    parts: int
    external: External | None = None


class FetchLeft(Request, frozen=True):
    """A value that was left where it lies, if the caller may still ask for it. Answer: Done."""

    task: str


class WriteClosed(Request, frozen=True):
    """Tell agents and late jobs that the run is over; ``word``: keep | remove. Answer: Done."""

    word: str


class Reopen(Request, frozen=True):
    """Take back the word that the run is over. Answer: Done."""


class RemoveDirectory(Request, frozen=True):
    """Remove the run directory. Answer: Done."""


Answered = Errand | Request
