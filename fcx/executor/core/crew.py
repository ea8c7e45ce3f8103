"""The pilots of one shape: how many are wanted, how they are submitted, which are called off."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from . import fates
from .actions import AskJob, RecordPilot, SubmitPilot, UploadConfig
from .events import Failed, JobAnswered, JobMade, Trouble
from .fleet import FOREVER, Brings, Fleet, Pilot
from .gate import Gate
from .inbox import Archives, Bundle, Inbox
from .limits import Limits
from .numbers import Orders
from .requests import nothing
from .shares import PLENTY, Share

INLINE_BUNDLE = 192 << 10  # bytes of a bundle that may ride in a job script
LEAST_RAMP, RAMP, MOST_RAMP = 0.5, 0.9, 2.0
"""Seconds for which the first pilot stays alone while nothing is known of its tasks: bursts of
small ones need no other, and are over soon after it has begun."""
SETTLED = 0.5  # seconds from its beginning by which it shows what they are
STARTS = 8  # pilots of which it is remembered how long they took to begin
REFUSED_PAUSE = 60.0  # seconds until a pilot is tried again that Slurm does not take for now


class Demand(msgspec.Struct, frozen=True):
    """What there is to do, and what may be used for it."""

    unfinished: int
    max_workers: int
    per_pilot: int  # workers of one pilot
    mean_seconds: float | None  # of a task, as far as anything tells
    start: float = 0.0  # seconds until a pilot begins that is submitted now

    def pilots(self, running: int, waiting: int = 0, *, alone: bool) -> int:
        """How many pilots there should be, those that are ``running`` and ``waiting`` included.

        ``alone``: no second yet.
        """
        wanted = math.ceil(min(self.unfinished, self.max_workers) / self.per_pilot)
        if wanted and alone:
            return 1
        if self.mean_seconds is None:
            return wanted
        work = self.unfinished * self.mean_seconds / self.per_pilot
        if not running:
            return min(wanted, max(1, math.ceil(work / fates.SHORT_WORK)))
        if work < running * fates.SHORT_WORK:
            return min(wanted, running)
        if work < running * self.start:  # it is done before others begin
            return min(wanted, running + waiting)
        return wanted


class Crew:
    """Those of one shape."""

    def __init__(
        self,
        shape: int,
        limits: Limits,
        gate: Gate,
        inbox: Inbox,
        fleet: Fleet,
        give_up: Callable[[Trouble], None],
    ) -> None:
        self.shape = shape
        self.limits = limits
        self.gate = gate
        self.inbox = inbox
        self.fleet = fleet
        self.requests = fleet.requests
        self.give_up = give_up
        self.barren = Barren()
        self.starts: list[float] = []  # seconds that pilots took to begin, the last ones
        self.share = Share()
        self.over = False  # no more of them are to come

    def live(self) -> list[Pilot]:
        """Those that may yet run tasks."""
        return [pilot for pilot in self.fleet.pilots if pilot.live and pilot.shape == self.shape]

    @property
    def each(self) -> int:
        """Workers of one pilot."""
        return sum(self.limits.workers())

    @property
    def room(self) -> int:
        """How many may be added to those that all lanes have now."""
        whole = self.share.whole
        return whole if whole == PLENTY else max(0, whole - self.fleet.workers()) // self.each

    def take_name(self) -> str:
        """The name of a pilot to come: each is given once."""
        return self.fleet.take_name(self.limits.words.pilots)

    def holds_off(self) -> bool:
        """Whether no pilot should be submitted now."""
        return self.requests.now < self.barren.until

    # -- how many ---------------------------------------------------------------------------

    def wants(self, unfinished: int, mean_seconds: float | None) -> int:
        """How many there should be for so many tasks, those that there are included."""
        live = self.live()
        running = sum(pilot.phase == "up" for pilot in live)
        early = len(live) < 2 and self.requests.now < (self.ramp_ends() or math.inf)
        alone = not self.gate.open or (early and mean_seconds is None)
        start = min(self.starts, default=0.0)
        demand = Demand(unfinished, self.limits.max_workers, self.each, mean_seconds, start)
        return demand.pilots(running, len(live) - running, alone=alone)

    def began(self, pilot: Pilot) -> None:
        """The first agent of a pilot has come up."""
        self.starts = [*self.starts, self.requests.now - pilot.submitted][-STARTS:]

    def _ramp(self) -> float:
        soon = min(self.starts, default=RAMP - SETTLED) + SETTLED
        return min(MOST_RAMP, max(LEAST_RAMP, soon))

    def plan(
        self,
        unfinished: int,
        mean_seconds: float | None,
        may_launch: Callable[[], bool],
        *,
        unsent: Callable[[], bool],
        looking: bool,
    ) -> None:
        """As many pilots as the tasks need, surplus pending ones cancelled.

        None is surplus while a look is under way: a log yet unread may say that it has begun.
        """
        live = self.live()
        first_rides = not live and self.gate.open and unsent()  # with the first bundle
        if not unfinished or self.holds_off() or first_rides:
            return
        self._try_again()
        running = sum(pilot.phase == "up" for pilot in live)
        wanted = min(self.wants(unfinished, mean_seconds), self.share.most)
        more = min(wanted - len(live), self.room)
        if more > 0:
            if may_launch():
                self.launch(more, *self._not_landed())
        elif running and wanted < len(live) and not looking:
            self._call_off_some(len(live) - wanted)

    def give_way(self, orders: Orders) -> None:
        """To others that wait for what is beyond our share: at once, or once what runs is over."""
        surplus = len(self.live()) - self.share.most
        self._call_off_some(surplus)
        up = [pilot for pilot in self.live() if pilot.phase == "up"]
        more = surplus - sum(pilot.retires for pilot in up)
        for pilot in [pilot for pilot in up if not pilot.retires][: max(0, more)]:
            pilot.held = FOREVER
            self.requests.say(f"Job {pilot.job} makes room for others once what it runs has ended")
            orders.cancel(pilot.name)

    def disband(self) -> None:
        """No more of them, and an end to those that there are, or that are just being submitted."""
        self.over = True
        mine = [pilot for pilot in self.fleet.pilots if pilot.shape == self.shape]
        for pilot in mine:
            if pilot.live and pilot.jobs():
                self.fleet.cancel(pilot)
            elif pilot.phase == "ended" or pilot.refused:
                self._never(pilot)

    def _never(self, pilot: Pilot) -> None:
        """It does not come; where no other will either, nor does what its script was to bring."""
        pilot.phase = "ended"
        others = {name for other in self.live() for name in other.bundles}
        for bundle in pilot.bundles if self.over else ():
            if bundle not in others:  # nor is being submitted with another
                self.inbox.drop(bundle)

    def _call_off_some(self, count: int) -> None:
        """So many of those that wait."""
        now = self.requests.now
        queued = [p for p in self.live() if p.phase == "queued" and p.job and not p.reserved]
        for pilot in [pilot for pilot in queued if pilot.held <= now][:count]:
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
            self.fleet.cancel(pilot)

    def _try_again(self) -> None:
        """Pilots that Slurm did not take a while ago."""
        for pilot in self.live():
            if pilot.refused and pilot.jobs():
                pilot.held = 0.0  # an earlier try made a job, though nobody heard of it
            elif pilot.refused and pilot.held <= self.requests.now and self.room:
                pilot.held = 0.0
                self._submit_now(pilot, None, None)

    def ramp_ends(self) -> float | None:
        """When a second pilot may follow the first."""
        live = self.live()
        return live[0].submitted + self._ramp() if live else None

    def _not_landed(self) -> tuple[list[Bundle], Archives]:
        """Bundles and modules that so far are only in scripts of pilots that have not begun.

        Every script has both: whichever pilot begins first must find the modules of its tasks.
        """
        waiting = [pilot for pilot in self.live() if not pilot.agents]
        names = dict.fromkeys(name for pilot in waiting for name in pilot.bundles)
        kept = [self.inbox.kept[name] for name in names if name in self.inbox.kept]
        bundles = [bundle for bundle in kept if not bundle.pilot]
        archives = dict(archive for pilot in waiting for archive in pilot.brings.archives)
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
            brings=Brings(self.gate.open, archives if carried else ()),
            reserved=next((bundle.name for bundle in bundles if bundle.pilot), ""),
            bundles=tuple(bundle.name for bundle in carried),
            shape=self.shape,
            start=min(self.starts, default=0.0),
        )
        self.fleet.pilots.append(pilot)
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
            steps.append((UploadConfig, pilot.name, workers, pilot.brings.opened, self.shape))
        self.requests.chain(steps, partial(self._recorded_first, pilot))

    def _recorded_first(self, pilot: Pilot) -> None:
        """Remember the pilot before there is a job that nobody knows."""
        submit = partial(self._submit_now, pilot)
        self.requests.ask(RecordPilot, pilot.name, "", self.shape, then=submit, failed=submit)

    def _submit_now(self, pilot: Pilot, _action: Any, _event: Any) -> None:
        if self.requests.leaving or self.over:
            self._never(pilot)
            return
        pilot.submitted = self.requests.now
        before = pilot.ambiguous
        pilot.ambiguous = True  # until there is an answer
        self.requests.ask(
            SubmitPilot,
            pilot.name,
            self.limits.workers(),
            pilot.bundles,
            tuple(name for name, _ in pilot.brings.archives),
            pilot.brings.opened,
            self.shape,
            then=partial(self._submitted, pilot, before),
            failed=partial(self._refused, pilot, before),
        )

    def _submitted(self, pilot: Pilot, before: bool, action: SubmitPilot, event: JobMade) -> None:
        pilot.job = pilot.job or event.job
        pilot.ambiguous = before or event.repeated or self.requests.tries(action.id) > 0
        if pilot.phase == "submitting":
            pilot.phase = "queued"
        if self.over:
            self.fleet.cancel(pilot)
        others = (p.phase for p in self.fleet.pilots if p is not pilot)
        if not any(phase in {"queued", "leaving"} for phase in others):
            self.fleet.states.asked()  # else each submit would put off what others do
        self.requests.say(f"Job {event.job} submitted as {pilot.name}")
        self.requests.ask(
            RecordPilot, pilot.name, event.job, self.shape, then=nothing, failed=nothing
        )

    def _refused(self, pilot: Pilot, before: bool, action: SubmitPilot, event: Failed) -> None:
        """A further pilot that is refused harms none that lives; what passes is waited out."""
        others = sum(bool(other.jobs()) for other in self.live())
        if event.kind == "passing" or self.over:  # the caller leaves; the job may yet begin
            self._never(pilot)
            return
        pilot.ambiguous = before or self.requests.tries(action.id) > 1  # each may have made a job
        if not others and event.kind != "limit":
            pilot.phase = "ended"
            self.give_up(event.trouble)
        else:
            pilot.held = self.requests.now + REFUSED_PAUSE
            self.barren.wait_until(pilot.held)
            goes_on = f"The {others} that there are go on; it" if others else "It"
            what, again = f"A pilot{self.limits.words.shape} was refused", f"{REFUSED_PAUSE:.0f} s"
            text = f"{what}: {event.trouble.message} {goes_on} is tried again every {again}."
            self.fleet.waits.remind(what, text)


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
