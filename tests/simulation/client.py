"""The client: the executor's real core, with what its driver does done by hand; and the caller."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from msgspec.structs import replace

from fcx.executor.core import Core
from fcx.executor.core import actions as act
from fcx.executor.core import events as ev

from .api import Api
from .cluster import Cluster
from .invariants import Checks
from .kinds import guard_of, shaped
from .packages import Known
from .parcel import Parcel, size_of
from .session import Session
from .world import Alarm, World


class Journal:
    """What this machine remembers when a client dies."""

    def __init__(self) -> None:
        self.tasks: dict[str, int] = {}  # attempts, in the order in which they were recorded
        self.pilots: dict[str, str] = {}
        self.shapes: dict[str, int] = {}  # of pilots
        self.known: dict[int, None] = {}  # shapes
        self.ended: bool | None = None  # kept

    def attached(self, known: Callable[[str], ev.TaskInfo], *, by_key: bool) -> ev.Attached:
        """What the next client is told."""
        return ev.Attached(
            tuple(known(task) for task in self.tasks),
            tuple(self.tasks.values()),
            tuple(self.pilots.items()),
            by_key,
            epoch=0,
            shapes=tuple(self.shapes.items()),
        )


class Client:
    """One life of the client."""

    def __init__(self, api: Api, checks: Checks, journal: Journal, session: Session) -> None:
        self.api = api
        self.cluster: Cluster = api.cluster
        self.checks = checks
        self.journal = journal
        self.session = session
        self.core = Core(api.cluster.scenario.limits)
        self.alive = True
        self.parcels: dict[str, Parcel] = {}
        self.packages = Known()
        self.recalled: dict[str, tuple[str, ...]] = {}  # what tasks wait for that others have sent
        self.shapes: dict[int, None] = {}  # that its core was told of
        self._dropped: dict[str, None] = {}
        self._alarm = Alarm(api.world, self._tick)
        self._sleeps_until = 0.0

    @property
    def world(self) -> World:
        """Where it lives."""
        return self.cluster.world

    # -- the loop ---------------------------------------------------------------------------

    def feed(self, event: ev.AnyEvent) -> None:
        """Tell the core, and do what it asks for."""
        if not self.alive:
            return
        if self.world.now < self._sleeps_until:
            self.world.at(self._sleeps_until, self.feed, event)
            return
        actions = self.core.handle(event, self.world.now)
        self.session.step(self, event, actions)
        for action in actions:
            if isinstance(action, act.Request):
                self.api.ask(self, action)
            else:
                DOES[type(action)](self, action)
        if isinstance(event, ev.Ticked) and self.alive:
            self._rests()
        if (
            not isinstance(event, ev.Settled) or self.core.ending.stage != "open"
        ):  # as the core does
            self._alarm.set(self.core.due() if self.alive else None)

    answer = feed

    def _rests(self) -> None:
        """What was due is done: a look aside, for which other requests may have paid meanwhile."""
        core = self.core
        times = [core.requests.due()]
        if core._works() and core.tasks.unfinished:
            times += [lane.outgoing.due() for lane in core.lanes.working()]
            times += [core.doubts.due(), *core._ramps_due()]
        late = [time for time in times if time is not None and time <= self.world.now]
        self.checks.demand(not late, "wakes for nothing", times)

    def _tick(self) -> None:
        self.feed(ev.Ticked())

    def die(self) -> None:
        """kill -9: what is under way may still have its effect."""
        self.alive = False

    def sleep(self, seconds: float) -> None:
        """The machine sleeps."""
        self._sleeps_until = self.world.now + seconds

    # -- what the cluster's side asks -------------------------------------------------------

    def packs(self, request: act.Request) -> None:
        """A request is made: the bytes of what it brings must not have been dropped."""
        names: tuple[str, ...] = ()
        if isinstance(request, act.SubmitPilot):
            names = request.bundles
        elif isinstance(request, act.UploadBundle):
            names = (request.bundle,)
        there = self.cluster.directory.inbox.files  # another job has brought it already
        gone = [name for name in names if name in self._dropped and name not in there]
        gone = [] if "directory_removed" in self.checks.struck else gone  # it had been there
        self.checks.demand(not gone, "dropped", f"{gone} of {request}")

    def learn_shapes(self, shapes: Iterable[int]) -> None:
        """Its core is told of shapes that are new."""
        for event in self.new_shapes(shapes):
            self.feed(event)

    def new_shapes(self, shapes: Iterable[int]) -> list[ev.Shaped]:
        """What its core is to be told of shapes that are new."""
        new = [shape for shape in sorted(set(shapes)) if shape and shape not in self.shapes]
        likes = [self.cluster.scenario.like(shape) for shape in new]
        wanted = [s for s in sorted({*new, *likes}) if s and s not in self.shapes]
        self.shapes.update(dict.fromkeys(wanted))
        return [shaped(self.cluster.scenario, shape) for shape in wanted]

    def known(self, task: str) -> ev.TaskInfo:
        """A task as it lies in the inbox: its payload has what it takes, or waits for it there."""
        parcels = (c for n, (c, _) in self.cluster.directory.inbox.files.items() if n[0] == "b")
        lacks = [parcel.lacks.get(task, ()) for parcel in parcels if task in dict(parcel.tasks)]
        self.recalled[task] = lacks[-1] if lacks else ()
        return replace(self.checks.info(task), takes=self.recalled[task])

    # -- errands ----------------------------------------------------------------------------

    def _later(self, event: ev.AnyEvent) -> None:
        self.world.after(self.cluster.timing.errand(), self.feed, event)

    def _errand(self, errand: Any, answer: ev.AnyEvent) -> bool:
        """Answer an errand, unless a fault does; whether it was done."""
        failed = self.cluster.faults.strike("errand", self, errand)
        self._later(failed or answer)
        return failed is None

    def encode(self, errand: act.Encode) -> None:
        """Make a bundle."""
        guard = guard_of(self.cluster.scenario, errand.shape)
        known = self.checks.plans, self.packages.accepted
        waits = {task: self.recalled[task] for task, _ in errand.tasks if self.recalled.get(task)}
        errand = replace(errand, lacks=tuple({**waits, **dict(errand.lacks)}.items()))
        self.parcels[errand.bundle] = Parcel(errand, *known, guard)
        size = size_of([self.checks.plans[task] for task, _ in errand.tasks])
        self._errand(errand, ev.Encoded(errand.id, size))

    def record_tasks(self, errand: act.RecordTasks) -> None:
        """Into the journal."""
        if self._errand(errand, ev.Done(errand.id)):
            self.journal.tasks.update(errand.tasks)
            self.journal.known.update(dict.fromkeys(self.shapes))

    def record_pilot(self, errand: act.RecordPilot) -> None:
        """Into the journal."""
        if self._errand(errand, ev.Done(errand.id)):
            self.journal.pilots[errand.pilot] = errand.job
            self.journal.known.update(dict.fromkeys(self.shapes))
            if errand.shape:
                self.journal.shapes[errand.pilot] = errand.shape

    def record_end(self, errand: act.RecordEnd) -> None:
        """Into the journal."""
        if self._errand(errand, ev.Done(errand.id)):
            self.journal.ended = errand.kept

    def judge(self, errand: act.Judge) -> None:
        """Of the place."""
        refused = self.cluster.scenario.refuses(errand.shape)
        trouble = ev.Trouble("ParityError", "It is another place.") if refused else None
        self._errand(errand, ev.Judged(errand.id, 0, trouble))

    def learn(self, errand: act.Learn) -> None:
        """What an agent has found."""
        self.packages.learn(self.cluster.packages.reports[errand.drift - 1])
        self._later(ev.Done(errand.id))

    def judge_requirements(self, errand: act.JudgeRequirements) -> None:
        """Of what a task refers to."""
        number = errand.requirements
        refused = self.cluster.scenario.refused == number or not self.packages.passes(number)
        trouble = ev.Trouble("ParityError", "numpy is another.") if refused else None
        self._errand(errand, ev.RequirementsJudged(errand.id, trouble))

    # -- notes ------------------------------------------------------------------------------

    def settle(self, note: act.Settle) -> None:
        """The caller has it a little later."""
        kept = bool(note.trouble is None and self.cluster.faults.strike("settle", self))
        later = self.cluster.faults.strike("callback", self) or self.cluster.timing.settle()
        self.world.after(later, self.feed, ev.Settled((note.task,), kept))

    def same(self, note: act.Same) -> None:
        """Its caller has a task of an earlier life again."""
        self.recalled.pop(note.earlier, None)

    def drop_bundle(self, note: act.DropBundle) -> None:
        """Its bytes go."""
        self._dropped[note.bundle] = None

    def finish(self, note: act.Finish) -> None:
        """The run is over."""
        self.alive = False

    def nothing(self, note: act.Note) -> None:
        """What changes nothing here."""


DOES: dict[type, Callable[[Client, Any], None]] = {
    act.Encode: Client.encode,
    act.RecordTasks: Client.record_tasks,
    act.RecordPilot: Client.record_pilot,
    act.RecordEnd: Client.record_end,
    act.Judge: Client.judge,
    act.Learn: Client.learn,
    act.JudgeRequirements: Client.judge_requirements,
    act.Settle: Client.settle,
    act.DropBundle: Client.drop_bundle,
    act.Same: Client.same,
    act.Finish: Client.finish,
    **dict.fromkeys(
        (
            *(act.Say, act.TellRunning, act.TellPending, act.Discard, act.Forget, act.Broken),
            *(act.Remember, act.Hurry, act.Found, act.KeepValue, act.DropValue),
        ),
        Client.nothing,
    ),
}
