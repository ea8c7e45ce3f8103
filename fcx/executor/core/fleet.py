"""Which pilots there are, and what Slurm says of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import msgspec

from . import fates
from .actions import CancelJob, ListJobs
from .events import Failed, JobSeen, JobsListed
from .inbox import Archives
from .limits import Limits
from .requests import Requests, nothing
from .waits import Waits

ORDINAL = re.compile(r"[0-9]{1,9}")  # of a pilot, at the end of its name
GRACE_SECONDS = 30.0  # how long a job may be unknown to the server before it counts as gone
GRACE_ANSWERS = 3  # and in how many answers
FOREVER = float("inf")
HELD = 60.0  # seconds for which a pilot is left alone whose cancel was refused
STUCK = 10.0  # seconds for which Slurm must say that a job never runs: it may think again
SHORTEST_STATES_PAUSE, LONGEST_STATES_PAUSE = 2.0, 30.0  # seconds between listings of jobs,
STATES_SHARE = 0.02  # which may take this share of the time
FEW = 3  # jobs that are asked for one by one rather than with all others of the day


class Heard(msgspec.Struct):
    """What the server has said of a pilot's job, and in how many answers it did not know it."""

    state: JobSeen | None = None
    alive: bool = False  # it has said that it has not ended
    reason: str = ""  # for waiting, as last said
    unknown_since: float = 0.0
    unknown_answers: int = 0
    ended: float | None = None  # since when it has called the job ended
    stuck: float | None = None  # since when it has said that it never runs

    def missing(self, now: float) -> bool:
        """Note another answer without it; True once that means that it is gone."""
        if not self.unknown_answers:
            self.unknown_since = now
        self.unknown_answers += 1
        patient = now - self.unknown_since >= GRACE_SECONDS
        return self.unknown_answers >= GRACE_ANSWERS and patient

    @property
    def lives(self) -> bool:
        """Whether it was said last that the job is there and has not ended."""
        known = self.state is not None and not self.unknown_answers
        return known and not fates.ended(self.state)

    def seen(self, state: JobSeen, now: float) -> None:
        """Note what it said."""
        self.state = state
        self.unknown_answers = 0
        self.alive = self.alive or not fates.ended(state)
        if not fates.stuck(state):
            self.stuck = None
        elif self.stuck is None:
            self.stuck = now
        if not fates.ended(state):
            self.ended = None
        elif self.ended is None:
            self.ended = now


class Brings(msgspec.Struct, frozen=True):
    """What the script of a pilot has for its agents."""

    opened: bool = False  # payload was allowed when it was submitted
    archives: Archives = ()


class Pilot(msgspec.Struct):
    """One pilot as the client knows it.

    ``phase``: submitting | queued | up | leaving (we cancelled it; it may have begun) | ended.
    """

    name: str
    submitted: float
    phase: str = "submitting"
    job: str = ""  # as the submit answered
    brings: Brings = Brings()
    reserved: str = ""  # a bundle that this pilot alone may claim from
    bundles: tuple[str, ...] = ()  # that its script brings
    agents: dict[str, None] = {}  # incarnations that came up
    ambiguous: bool = False  # the submit was repeated: it may run as another job
    heard: Heard = msgspec.field(default_factory=Heard)
    held: float = 0.0  # until when its submit, or its cancel as surplus, is left alone
    shape: int = 0
    start: float = 0.0  # seconds after which others of its shape began, at the soonest

    @property
    def retires(self) -> bool:
        """Whether it was told to leave once what it runs has ended."""
        return self.held == FOREVER

    @property
    def live(self) -> bool:
        """Whether it may yet run tasks."""
        return self.phase in {"submitting", "queued", "up"}

    @property
    def pending(self) -> bool:
        """Submitted, or about to be, and no agent has come up."""
        return self.phase in {"submitting", "queued"}

    @property
    def works(self) -> bool:
        """Whether an agent of it is up, or may be by what Slurm says."""
        running = self.heard.state is not None and self.heard.state.state == "RUNNING"
        return self.phase == "up" or (self.live and running)

    @property
    def may_have_begun(self) -> bool:
        """Whether it may have run something: Slurm's last word is not that it waits."""
        waits = self.heard.state is not None and self.heard.state.state == "PENDING"
        return self.may_be_about and not waits

    @property
    def refused(self) -> bool:
        """Whether its submit was refused, and is to be tried again."""
        return self.phase == "submitting" and self.held > 0

    @property
    def may_be_about(self) -> bool:
        """Whether there may be a job of it that has not ended."""
        return self.phase != "ended" and (self.ambiguous or bool(self.jobs()))

    def jobs(self) -> list[str]:
        """All job ids it is known under: an ambiguous submit may have made another."""
        ids = [self.job, *(agent.partition(".")[0] for agent in self.agents)]
        return list(dict.fromkeys(job for job in ids if job))


class Fleet:
    """All pilots of a run."""

    def __init__(self, requests: Requests) -> None:
        self.requests = requests
        self.shapes: dict[int, Limits] = {}  # what pilots of each are
        self.pilots: list[Pilot] = []
        self.earlier: dict[str, None] = {}  # names of those that an earlier process has submitted
        self._named = 0
        self.states = States(requests)
        self.waits = Waits(requests)

    # -- what there is ----------------------------------------------------------------------

    def live(self) -> list[Pilot]:
        """Pilots that may yet run tasks."""
        return [pilot for pilot in self.pilots if pilot.live]

    def limits(self, pilot: Pilot) -> Limits:
        """What this pilot is."""
        return self.shapes[pilot.shape]

    def workers(self) -> int:
        """Of all pilots that may yet run tasks."""
        there = [pilot for pilot in self.live() if not pilot.refused]
        return sum(sum(self.limits(pilot).workers()) for pilot in there)

    def workers_up(self) -> int:
        """Of all pilots of which an agent has come up."""
        return sum(sum(self.limits(p).workers()) for p in self.pilots if p.phase == "up")

    def named(self, name: str) -> Pilot | None:
        """The pilot of this name."""
        return next((pilot for pilot in self.pilots if pilot.name == name), None)

    def of_job(self, job: str) -> Pilot | None:
        """The pilot that runs as this job."""
        return next((pilot for pilot in self.pilots if job in pilot.jobs()), None)

    def past(self, pilot: Pilot) -> bool:
        """Whether it ended before this process heard of it: no others will end so for that."""
        return pilot.name in self.earlier and not pilot.heard.alive

    def of_agent(self, agent: str) -> Pilot | None:
        """The pilot of an agent; ids of jobs may be given again by a Slurm that lost its state."""
        up = next((pilot for pilot in self.pilots if agent in pilot.agents), None)
        return up or self.of_job(agent.partition(".")[0])

    def take_name(self, prefix: str) -> str:
        """The name of a pilot to come: each is given once, whatever stands before its number."""
        self._named += 1
        return f"{prefix}-{self._named:03d}"

    def named_from(self, number: int) -> None:
        """Pilots are numbered past those of an earlier client."""
        self._named = max(self._named, number)

    def adopt(
        self, pilots: Iterable[tuple[str, str]], shapes: Mapping[str, int] | None = None
    ) -> list[Pilot]:
        """Pilots of an earlier process; ``shapes``: of those that are not the executor's own."""
        adopted, shapes = [], shapes or {}
        for name, job in pilots:
            number = name.rpartition("-")[2]
            self.named_from(int(number) if ORDINAL.fullmatch(number) else 0)
            pilot = Pilot(name, self.requests.now, "queued", job, ambiguous=not job)
            pilot.shape = shapes.get(name, 0) if shapes.get(name, 0) in self.shapes else 0
            adopted.append(pilot)
        self.earlier.update(dict.fromkeys(pilot.name for pilot in adopted))
        self.pilots += adopted
        return adopted

    # -- cancelling -------------------------------------------------------------------------

    def cancel(self, pilot: Pilot) -> None:
        """End a pilot; whether it had begun is known once Slurm says that it has ended."""
        pilot.phase = "leaving" if pilot.jobs() else "ended"
        for job in pilot.jobs():
            self.requests.ask(CancelJob, job, then=nothing, failed=self._not_cancelled)

    def _not_cancelled(self, action: CancelJob, event: Failed) -> None:
        """It counts as live again: it will serve as well as any other."""
        pilot = self.of_job(action.job)
        if pilot is not None and pilot.phase == "leaving":
            pilot.phase = "up" if pilot.agents else "queued"
            pilot.held = self.requests.now + HELD
        text = f"Job {action.job} could not be cancelled: {event.trouble.message}"
        self.requests.say(text, "warning")


class States:
    """When Slurm is asked for jobs: all are the dearest of all requests, so by what they cost."""

    def __init__(self, requests: Requests) -> None:
        self.requests = requests
        self.busy = False
        self.asked_at = 0.0  # what the last listing says may be as old as that
        self._last = 0.0
        self._pause = SHORTEST_STATES_PAUSE

    def asked(self) -> None:
        """As good as asked: what a pilot does is known for the moment."""
        self._last = self.requests.now

    def due(self) -> float:
        """When to ask next."""
        return self._last + self._pause

    def ask(self, then: Any, pilots: Iterable[Pilot]) -> None:
        """What the jobs of these do: of few each by its id, else all of this user's are listed."""
        self.busy = True
        self._last = self.asked_at = self.requests.now
        listed = partial(self._listed, then)
        self.requests.ask(ListJobs, _few(pilots), then=listed, failed=self._failed)

    def _listed(self, then: Any, _action: Any, event: JobsListed) -> None:
        self.busy = False
        self._last = self.requests.now
        wished = event.seconds / STATES_SHARE
        self._pause = min(LONGEST_STATES_PAUSE, max(SHORTEST_STATES_PAUSE, wished))
        then(event)

    def _failed(self, _action: Any, event: Failed) -> None:
        """Nothing is known of any job: that is no reason to give up those that live."""
        self.busy = False
        self._last = self.requests.now
        self._pause = LONGEST_STATES_PAUSE
        text = f"The jobs could not be listed: {event.trouble.message}"
        self.requests.say(text, "warning")


def _few(pilots: Iterable[Pilot]) -> tuple[str, ...]:
    """Their jobs, if they are few and there are no others; a listing grows with a busy day."""
    jobs: list[str] = []
    for pilot in pilots:
        if pilot.ambiguous or not pilot.jobs():
            return ()
        jobs += pilot.jobs()
    return tuple(jobs) if len(jobs) <= FEW else ()


def job_of(jobs: dict[str, JobSeen], pilot: Pilot) -> JobSeen | None:
    """What a listing says of a pilot: the job that lives, if any of its jobs does."""
    known = [jobs[job] for job in pilot.jobs() if job in jobs]
    alive = [state for state in known if not fates.ended(state)]
    return next(iter(alive + known), None)
