"""The places for worker processes, as the core sees them: a rank stays, its process may change."""

from ..protocol.bundle import LONGEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, Optional, Tuple

    from .events import TaskInfo

ENDED = "ended"  # no process
STARTING = "starting"  # it has not said hello yet
IDLE = "idle"
CONFIGURING = "configuring"  # it takes its modules and runs the initializer
BUSY = "busy"
KEEPING = "keeping"  # its task is over, the outcome is on its way to the log

HELLO_TIMEOUT = 120.0  # seconds for an interpreter to start on a cold file system
TELL = 0.05  # seconds from which a running task is told of
OLD = ("",)  # modules of a process that no task suits any more
FRESH, FIRST, LATER = "fresh", "first", "later"
NEVER = float("inf")
RETRY = 0.5  # seconds until a configuration that could not be read is tried again
PATIENCE = 90.0  # seconds for which it is: a directory's listing may be cached for 60


class Slot:
    """One worker: its process's state, and what it has run."""

    def __init__(self, rank: int) -> None:
        self.rank = rank
        self.state = ENDED
        self.turn = FRESH  # of tasks in this pilot, whatever the process
        self.served = 0  # by this process
        self.modules: "Optional[Tuple[str, ...]]" = None  # that it was configured with
        self.task: "Optional[TaskInfo]" = None
        self.began = 0.0  # its task
        self.until = 0.0  # when its process must have started, or be done with its task
        self.told = False  # the client knows that this task runs
        self.tries = 0  # processes that ended before they were ready, one after the other
        self.held = 0.0  # until when nothing is tried again
        self.troubled: "Optional[float]" = None  # since when it cannot be configured

    @property
    def fresh(self) -> bool:
        """Whether it has begun no task in this pilot."""
        return self.turn == FRESH

    @property
    def first(self) -> bool:
        """Whether its task is the first, and had nearly all of the job's time."""
        return self.turn == FIRST

    def start(self, now: float) -> None:
        """A fresh process."""
        self.state = STARTING
        self.served = 0
        self.modules = None
        self.until = now + HELLO_TIMEOUT

    def end(self) -> None:
        """No process any more."""
        self.state = ENDED
        self.held = 0.0
        self.task = None

    def configure(self, modules: "Tuple[str, ...]") -> None:
        """The process is told its modules."""
        self.state = CONFIGURING
        self.modules = modules

    def ready(self) -> None:
        """It has taken them."""
        self.state = IDLE
        self.tries = 0
        self.troubled = None

    def not_configured(self, now: float) -> bool:
        """It could not be told; whether that has gone on for too long."""
        self.state = IDLE
        if self.modules != OLD:
            self.modules = None
        self.held = now + RETRY
        if self.troubled is None:
            self.troubled = now
        return now >= self.troubled + PATIENCE

    def run(self, task: "TaskInfo", now: float, whole: bool) -> None:
        """It begins a task; ``whole``: with nearly all of the job's time."""
        self.state = BUSY
        self.task = task
        self.began = now
        self.until = now + (task.walltime or LONGEST)
        self.told = False
        self.turn = FIRST if whole and self.fresh else LATER
        self.served += 1

    def not_run(self) -> None:
        """It was not given its task."""
        self.state = IDLE
        self.task = None
        self.turn = FRESH if self.first else LATER

    def finish(self, stale: bool) -> None:
        """Its task is over; ``stale``: a fresh process shall run the next."""
        self.state = KEEPING
        if stale:
            self.modules = OLD

    def kept(self) -> None:
        """The outcome is in the log."""
        self.state = IDLE
        self.task = None

    def next(self) -> float:
        """When something is to be done about it."""
        if self.state == BUSY and not self.told:
            return min(self.until, self.began + TELL)
        return self.until if self.state in (STARTING, BUSY) else self.held or NEVER

    def suits(self, modules: "Tuple[str, ...]") -> bool:
        """Whether this process can run a task with these modules, or be configured for it."""
        return self.modules in (None, modules)


class Slots:
    """All workers of an agent, by rank."""

    def __init__(self, count: int) -> None:
        self.all = [Slot(rank) for rank in range(count)]
        self.at = NEVER  # nothing is to be done about any of them before

    def __iter__(self) -> "Iterator[Slot]":
        return iter(self.all)

    def __getitem__(self, rank: int) -> Slot:
        return self.all[rank]

    def timed(self, slot: Slot) -> None:
        """Something is to be done about this one some time."""
        self.at = min(self.at, slot.next())

    def free(self) -> "Optional[Slot]":
        """The first that can take a task."""
        for slot in self.all:
            if slot.state == IDLE and not slot.held:
                return slot
        return None

    def busy(self) -> bool:
        """Whether any has a task."""
        return any(slot.task is not None for slot in self.all)

    def outdated(self) -> None:
        """What processes have imported, or would, is installed no longer: they are replaced."""
        for slot in self.all:
            slot.modules = OLD
