"""Which pilots there are: how many are wanted, how they are submitted, what Slurm says of them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import msgspec

from . import fates
from .actions import AskJob, CancelJob, ListJobs, RecordPilot, SubmitPilot, UploadConfig
from .events import Failed, JobAnswered, JobMade, JobSeen, JobsListed
from .gate import Gate
from .inbox import Archives, Bundle, Inbox
from .limits import Limits
from .requests import Requests, nothing
from .waits import Waits

ORDINAL = re.compile(r"[0-9]{1,9}")  # of a pilot, at the end of its name
INLINE_BUNDLE = 192 << 10  # bytes of a bundle that may ride in a job script
RAMP = 0.5  # seconds for which the first pilot stays alone: bursts of small tasks need no other
GRACE_SECONDS = 30.0  # how long a job may be unknown to the server before it counts as gone
GRACE_ANSWERS = 3  # and in how many answers
REFUSED_PAUSE = 60.0  # seconds until a pilot is tried again that Slurm does not take for now
STUCK = 10.0  # seconds for which Slurm must say that a job never runs: it may think again
SHORTEST_STATES_PAUSE, LONGEST_STATES_PAUSE = 2.0, 30.0  # seconds between listings of jobs,
STATES_SHARE = 0.02  # which may take this share of the time


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


class Pilot(msgspec.Struct):
    """One pilot as the client knows it.

    ``phase``: submitting | queued | up | leaving (we cancelled it; it may have begun) | ended.
    """

    name: str
    submitted: float
    phase: str = "submitting"
    job: str = ""  # as the submit answered
    opened: bool = False  # payload was allowed when it was submitted
    reserved: str = ""  # a bundle that this pilot alone may claim from
    bundles: tuple[str, ...] = ()  # that its script brings
    archives: Archives = ()
    agents: dict[str, None] = {}  # incarnations that came up
    ambiguous: bool = False  # the submit was repeated: it may run as another job
    heard: Heard = msgspec.field(default_factory=Heard)
    held: float = 0.0  # until when its submit, or its cancel as surplus, is left alone

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


class Demand(msgspec.Struct, frozen=True):
    """What there is to do, and what may be used for it."""

    unfinished: int
    max_workers: int
    per_pilot: int  # workers of one pilot
    mean_seconds: float | None  # of a task, as seen so far

    def pilots(self, running: int, *, alone: bool) -> int:
        """How many pilots there should be, the ``running`` included; ``alone``: no second yet."""
        wanted = math.ceil(min(self.unfinished, self.max_workers) / self.per_pilot)
        if wanted and alone:
            return 1
        if running and self.mean_seconds is not None:
            work = self.unfinished * self.mean_seconds / (running * self.per_pilot)
            if work < fates.SHORT_WORK:
                return min(wanted, running)
        return wanted


class Fleet:
    """All pilots of a run."""

    def __init__(self, requests: Requests, limits: Limits, gate: Gate, inbox: Inbox) -> None:
        self.requests = requests
        self.limits = limits
        self.gate = gate
        self.inbox = inbox

        self.pilots: list[Pilot] = []
        self.earlier: dict[str, None] = {}  # names of those that an earlier process has submitted
        self._named = 0
        self.barren = Barren()
        self.states = States(requests)
        self.waits = Waits(requests)

    # -- what there is ----------------------------------------------------------------------

    def live(self) -> list[Pilot]:
        """Pilots that may yet run tasks."""
        return [pilot for pilot in self.pilots if pilot.live]

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

    def take_name(self) -> str:
        """The name of a pilot to come: each is given once."""
        self._named += 1
        return f"{self.limits.words.pilots}-{self._named:03d}"

    def named_from(self, number: int) -> None:
        """Pilots are numbered past those of an earlier client."""
        self._named = max(self._named, number)

    def holds_off(self) -> bool:
        """Whether no pilot should be submitted now."""
        return self.requests.now < self.barren.until

    def adopt(self, pilots: Iterable[tuple[str, str]]) -> list[Pilot]:
        """Pilots of an earlier process."""
        adopted = []
        for name, job in pilots:
            number = name.rpartition("-")[2]
            self.named_from(int(number) if ORDINAL.fullmatch(number) else 0)
            adopted.append(Pilot(name, self.requests.now, "queued", job, ambiguous=not job))
        self.earlier.update(dict.fromkeys(pilot.name for pilot in adopted))
        self.pilots += adopted
        return adopted

    # -- how many ---------------------------------------------------------------------------

    def plan(
        self,
        unfinished: int,
        mean_seconds: float | None,
        may_launch: Callable[[], bool],
        *,
        unsent: bool,
        looking: bool,
    ) -> None:
        """As many pilots as the tasks need, surplus pending ones cancelled.

        None is surplus while a look is under way: a log yet unread may say that it has begun.
        """
        live = self.live()
        first_rides = not live and self.gate.open and unsent  # with the first bundle
        if not unfinished or self.holds_off() or first_rides:
            return
        self._try_again()
        running = sum(pilot.phase == "up" for pilot in live)
        ramping = not live or self.requests.now - live[0].submitted < RAMP
        demand = Demand(
            unfinished, self.limits.max_workers, sum(self.limits.workers()), mean_seconds
        )
        wanted = demand.pilots(running, alone=ramping or not self.gate.open)
        if wanted > len(live):
            if not may_launch():
                return
            bundles, archives = self._not_landed()
            self.launch(wanted - len(live), bundles, archives)
        elif running and wanted < len(live) and not looking:
            now = self.requests.now
            queued = [p for p in live if p.phase == "queued" and p.job and not p.reserved]
            surplus = [pilot for pilot in queued if pilot.held <= now]
            for pilot in surplus[: len(live) - wanted]:
                self._call_off(pilot)

    def _call_off(self, pilot: Pilot) -> None:
        """Unless it has begun by now: what it works at already would be run twice."""
        pilot.held = self.requests.now + REFUSED_PAUSE
        decide = partial(self._call_off_if_it_waits, pilot)
        self.requests.ask(AskJob, pilot.job, then=decide, failed=nothing)

    def _call_off_if_it_waits(self, pilot: Pilot, _action: AskJob, event: JobAnswered) -> None:
        waits = event.state is not None and event.state.state == "PENDING"
        if waits and pilot.phase == "queued":
            self.requests.say(f"Job {pilot.job} is not needed any more: cancelled")
            self.cancel(pilot)

    def _try_again(self) -> None:
        """Pilots that Slurm did not take a while ago."""
        for pilot in self.live():
            if pilot.refused and pilot.jobs():
                pilot.held = 0.0  # an earlier try made a job, though nobody heard of it
            elif pilot.refused and pilot.held <= self.requests.now:
                pilot.held = 0.0
                self._submit_now(pilot, None, None)

    def ramp_ends(self) -> float | None:
        """When a second pilot may follow the first."""
        live = self.live()
        return live[0].submitted + RAMP if live else None

    def _not_landed(self) -> tuple[list[Bundle], Archives]:
        """Bundles and modules that so far are only in scripts of pilots that have not begun.

        Every script has both: whichever pilot begins first must find the modules of its tasks.
        """
        waiting = [pilot for pilot in self.live() if not pilot.agents]
        names = dict.fromkeys(name for pilot in waiting for name in pilot.bundles)
        kept = [self.inbox.kept[name] for name in names if name in self.inbox.kept]
        bundles = [bundle for bundle in kept if not bundle.pilot]
        archives = dict(archive for pilot in waiting for archive in pilot.archives)
        return bundles, self.inbox.missing(tuple(archives.items())) if bundles else ()

    # -- submitting -------------------------------------------------------------------------

    def launch(self, count: int, bundles: list[Bundle], archives: Archives) -> None:
        """Submit pilots whose scripts bring these along."""
        for _ in range(count):
            self._launch(self.take_name(), bundles, archives)

    def launch_reserved(self, bundle: Bundle) -> None:
        """Submit the pilot that a bundle is for."""
        archives = self.inbox.missing(bundle.archives)
        self._launch(bundle.pilot, [bundle], archives)

    def _launch(self, name: str, bundles: list[Bundle], archives: Archives) -> None:
        carried, uploaded = self._by_way(bundles)
        pilot = Pilot(
            name,
            self.requests.now,
            opened=self.gate.open,
            reserved=next((bundle.name for bundle in bundles if bundle.pilot), ""),
            bundles=tuple(bundle.name for bundle in carried),
            archives=archives if carried else (),
        )
        self.pilots.append(pilot)
        if uploaded:
            self.inbox.upload(uploaded, archives, partial(self._submit, pilot))
        else:
            self._submit(pilot)

    def _by_way(self, bundles: list[Bundle]) -> tuple[list[Bundle], list[Bundle]]:
        """Those that ride in the script, and those that are uploaded before."""
        rides = [b for b in bundles if self.limits.inline and b.size < INLINE_BUNDLE]
        return rides, [b for b in bundles if b not in rides]

    def _submit(self, pilot: Pilot) -> None:
        workers = self.limits.workers()
        steps: list[tuple[Any, ...]] = []
        if not self.limits.inline:
            steps = self.inbox.making()
            steps.append((UploadConfig, pilot.name, workers, pilot.opened))
        self.requests.chain(steps, partial(self._recorded_first, pilot))

    def _recorded_first(self, pilot: Pilot) -> None:
        """Remember the pilot before there is a job that nobody knows."""
        submit = partial(self._submit_now, pilot)
        self.requests.ask(RecordPilot, pilot.name, "", then=submit, failed=submit)

    def _submit_now(self, pilot: Pilot, _action: Any, _event: Any) -> None:
        if self.requests.leaving:
            pilot.phase = "ended"
            return
        pilot.submitted = self.requests.now
        before = pilot.ambiguous
        pilot.ambiguous = True  # until there is an answer
        self.requests.ask(
            SubmitPilot,
            pilot.name,
            self.limits.workers(),
            pilot.bundles,
            tuple(name for name, _ in pilot.archives),
            pilot.opened,
            then=partial(self._submitted, pilot, before),
            failed=partial(self._refused, pilot, before),
        )

    def _submitted(self, pilot: Pilot, before: bool, action: SubmitPilot, event: JobMade) -> None:
        pilot.job = pilot.job or event.job
        pilot.ambiguous = before or event.repeated or self.requests.tries(action.id) > 0
        if pilot.phase == "submitting":
            pilot.phase = "queued"
        others = (p.phase for p in self.pilots if p is not pilot)
        if not any(phase in {"queued", "leaving"} for phase in others):
            self.states.asked()  # else one submit after the other would put off what others do
        self.requests.say(f"Job {event.job} submitted as {pilot.name}")
        self.requests.ask(RecordPilot, pilot.name, event.job, then=nothing, failed=nothing)

    def _refused(self, pilot: Pilot, before: bool, action: SubmitPilot, event: Failed) -> None:
        """A further pilot that is refused harms none that lives; what passes is waited out."""
        others = sum(bool(other.jobs()) for other in self.live())
        if event.kind == "passing":  # the caller leaves; the job may yet begin
            pilot.phase = "ended"
            return
        pilot.ambiguous = before or self.requests.tries(action.id) > 1  # each may have made a job
        if not others and event.kind != "limit":
            pilot.phase = "ended"
            self.requests.give_up(event.trouble)
        else:
            pilot.held = self.requests.now + REFUSED_PAUSE
            self.barren.wait_until(pilot.held)
            goes_on = f"The {others} that there are go on; it" if others else "It"
            self.waits.remind(
                "refused",
                f"A pilot was refused: {event.trouble.message} {goes_on} is tried again every "
                f"{REFUSED_PAUSE:.0f} s.",
            )

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
            pilot.held = self.requests.now + REFUSED_PAUSE
        text = f"Job {action.job} could not be cancelled: {event.trouble.message}"
        self.requests.say(text, "warning")


class Barren:
    """Pilots in a row that ended before an agent came up: again, but later each time."""

    def __init__(self) -> None:
        self.count = 0
        self.until = 0.0

    def another(self, now: float) -> None:
        """One more; the next pilot waits."""
        self.count += 1
        self.wait_until(now + min(30.0, 0.5 * 2**self.count))

    def wait_until(self, when: float) -> None:
        """No pilot before this time."""
        self.until = max(self.until, when)

    def over(self) -> None:
        """An agent has come up."""
        self.count = 0


class States:
    """When Slurm is asked for its jobs: the dearest of all requests, so by what they cost."""

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

    def ask(self, then: Any) -> None:
        """List the jobs."""
        self.busy = True
        self._last = self.asked_at = self.requests.now
        self.requests.ask(ListJobs, then=partial(self._listed, then), failed=self._failed)

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


def job_of(jobs: dict[str, JobSeen], pilot: Pilot) -> JobSeen | None:
    """What a listing says of a pilot: the job that lives, if any of its jobs does."""
    known = [jobs[job] for job in pilot.jobs() if job in jobs]
    alive = [state for state in known if not fates.ended(state)]
    return next(iter(alive + known), None)
