"""When an agent looks, writes, shows that it lives, and how much of the job's time is left."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

QUICK, LONGEST_LOOK = 0.02, 0.2  # seconds between looks into the inbox: after news, and at most
HEARTBEAT = 5.0  # seconds
NEARLY = 0.9  # of the time that the job was given
FLUSH = 0.02  # seconds for which records gather
FLUSH_AGAIN = 1.0  # seconds until records that could not be written are tried again
PATIENCE = 600.0  # seconds for which they are
GONE = 10.0  # seconds for which a folder must be gone, while tasks run, before the run is over


class Clock:
    """How much of the job's time is left, counted from when it was told."""

    def __init__(self) -> None:
        self.end: "Optional[float]" = None
        self.total: "Optional[float]" = None  # when it was told
        self.known = False

    def tell(self, known: bool, seconds: "Optional[float]", now: float) -> None:
        """What the shell found out."""
        self.known = known
        self.total = seconds
        self.end = None if seconds is None else now + seconds

    def left(self, now: float) -> "Optional[float]":
        """Seconds left, None while unknown or unlimited."""
        return None if self.end is None else self.end - now

    def whole(self, now: float) -> bool:
        """Whether nearly all of it is left: a task that begins now has what the job was given."""
        left = self.left(now)
        return left is None or self.total is None or left >= NEARLY * self.total


class Looks:
    """Looks into the inbox: quick after news, then slower and slower."""

    def __init__(self) -> None:
        self.at = 0.0
        self.pause = QUICK
        self.under_way = False
        self.answered = -1.0
        self._missing: "Optional[float]" = None  # since when the run directory is

    def wanted(self, now: float) -> bool:
        """Whether it is time for one."""
        return not self.under_way and now >= self.at

    def done(self, now: float, news: bool, longest: float) -> None:
        """One is answered."""
        self.pause = QUICK if news else min(self.pause * 1.2, longest)
        self.under_way = False
        self.answered = now
        self.at = now + self.pause

    def missing(self, gone: bool, now: float) -> float:
        """For how long the run directory has been gone, by what a look or a write found."""
        if not gone:
            self._missing = None
            return 0.0
        if self._missing is None:
            self._missing = now
        return now - self._missing

    def due(self) -> "Optional[float]":
        """When the next one is."""
        return None if self.under_way else self.at


class Flushes:
    """When what has gathered goes to the log, and when the heart beats."""

    def __init__(self) -> None:
        self.waiting = False
        self.under_way = False
        self.at = 0.0
        self.failing: "Optional[float]" = None  # since when
        self.beat_at = 0.0

    def wanted(self, now: float, idle: bool) -> bool:
        """Whether it is time to write; at once where nothing else is to be done."""
        ready = now >= self.at or (idle and self.failing is None)
        return self.waiting and not self.under_way and ready

    def begin(self) -> None:
        """What has gathered so far is being written."""
        self.waiting = False
        self.under_way = True

    def done(self, now: float) -> None:
        """It is written."""
        self.under_way = False
        self.failing = None
        self.at = now + FLUSH

    def failed(self, now: float) -> bool:
        """It is not; whether that has gone on for too long."""
        self.waiting = True
        self.under_way = False
        if self.failing is None:
            self.failing = now
        self.at = now + FLUSH_AGAIN
        return now >= self.failing + PATIENCE

    def give_up(self) -> None:
        """There is nobody to read it."""
        self.waiting = self.under_way = False

    def clean(self) -> bool:
        """Whether all of it is written."""
        return not self.waiting and not self.under_way

    def due(self) -> "Optional[float]":
        """When to write next."""
        return self.at if self.waiting and not self.under_way else None
