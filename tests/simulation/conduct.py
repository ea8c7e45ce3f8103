"""What an agent must and must not do, judged from outside its core."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fcx.remote import actions as do
from fcx.remote import core as phases
from fcx.remote import events as on
from fcx.remote.slots import HELLO_TIMEOUT, TELL
from fcx.remote.timers import HEARTBEAT, LONGEST_LOOK

from .claims import MARGIN, Duties, Portions
from .habits import Glances, findings, well_formed
from .invariants import SAME, Checks, Spin
from .kinds import guard_of

SPIN = 1000  # steps at what is the same time
GONE = 10.0  # seconds for which a directory may be gone while tasks run
UNWRITTEN = 0.3  # seconds for which records may gather
LATE = 0.6  # seconds that something may be late: a look, and the answer to it
NEARLY = 0.9  # of the time that the job has: a worker's first task is owed so much
UNREADABLE = 90.0  # seconds for which modules may not be there yet
GIVES_UP = 600.0  # seconds for which an agent tries to write its log


class Place:
    """One worker's place, as seen from outside."""

    def __init__(self) -> None:
        self.there = False
        self.started = 0.0
        self.served = 0  # tasks, by this process
        self.hello = False
        self.busy = False
        self.configured: tuple[str, ...] | None = None
        self.asked: tuple[str, ...] | None = None  # configuration under way
        self.held = 0.0  # not to be configured again before
        self.calls = 0
        self.useless = False  # another process is to take its place
        self.outdated = False  # something was installed since that it may have imported
        self.unread: float | None = None  # since when its modules cannot be read
        self.first = False  # its task is the first, and is owed the whole time
        self.run: tuple[str, int] | None = None
        self.began = 0.0
        self.ends = 0  # of processes before any had said hello


class Last:
    """When it last showed that it lives, looked, and had something to do."""

    def __init__(self, now: float) -> None:
        self.beat = self.looked = self.busy = self.written = now
        self.gone: float | None = None  # since when the run directory is


class Conduct:
    """One agent's."""

    def __init__(self, agent: Any, checks: Checks, workers: int) -> None:
        self.agent = agent
        self.checks = checks
        self.places = [Place() for _ in range(workers)]
        self.guard = guard_of(checks.scenario, agent.job.script.action.shape)
        self.duties = Duties(agent, checks)
        self.offers = Portions(agent, checks)
        self.served = False  # it has begun a task
        self._waits_since = checks.world.now  # for a guard
        self._passed = False  # the guard
        self._last = Last(checks.world.now)
        self._signalled = self._closed = False
        self._spin = Spin()
        self._glances = Glances(checks, agent)
        self._place: dict[str, Any] = {}  # what it was told that this place is
        self._first_hello: on.Hello | None = None
        self._broke = False  # no process ever said hello, as far as its core was to wait for one
        self._hopeless = ""  # why no worker can serve
        self.drifted: tuple[tuple[str, int], ...] = ()  # of the claim that it heard of
        self.told: tuple[float, float] | None = None  # when the time is over, how much it was

    def demand(self, holds: bool, name: str, text: object) -> None:
        """Raise a Violation that names the agent."""
        if not holds:
            self.checks.demand(False, name, f"{self.agent.name}: {text}")

    def step(self, event: Any, actions: list[Any]) -> None:
        """Its core was told something, and this is what it wants done."""
        note, now = self.checks.table.note, self.checks.world.now
        note("agent event", type(event).__name__)
        note("agent state", self.agent.core.phase)
        self._hopeless, self.drifted = "", ()
        heard = HEARD.get(type(event))
        if heard is not None:
            heard(self, event)
        for action in actions:
            note("agent action", type(action).__name__)
            well_formed(self.checks, action)
            meaning = DONE.get(type(action))
            if meaning is not None:
                meaning(self, action)
        self.demand(not self.drifted, "drift untold", self.drifted)
        self.demand(self._spin.step(now) < SPIN, "agent spins", self.agent.core.phase)
        self._gives_up()
        self._glances.after()
        self._written(now)
        self._replaced(now)
        self._in_time(now)
        self._not_idle(now)

    # -- heard ------------------------------------------------------------------------------

    def on_hello(self, event: on.Hello) -> None:
        """A process is there."""
        place = self.places[event.rank]
        place.hello, place.useless = True, bool(event.error)
        if self._first_hello is None:
            self._first_hello = event
        elif event.error and not self._first_hello.error:
            self._hopeless = event.error

    def on_ready(self, event: on.Ready) -> None:
        """A process has its modules."""
        place = self.places[event.rank]
        place.configured, place.asked = place.asked, None
        place.unread = None
        self._hopeless = event.error

    def on_not_configured(self, event: on.NotConfigured) -> None:
        """They could not be read."""
        place, now = self.places[event.rank], self.checks.world.now
        place.asked, place.held = None, now + 0.5
        place.unread = now if place.unread is None else place.unread
        if now - place.unread >= UNREADABLE:
            self._hopeless = event.error

    def on_died(self, event: on.Died) -> None:
        """A process is gone."""
        place = self.places[event.rank]
        self.duties.died(place.run)
        if self._first_hello is None:
            place.ends += 1
            passes = event.how.outside and place.ends < phases.START_TRIES
            self._broke = self._broke or not passes
        self._empty(event.rank)

    def on_finished(self, event: on.Finished) -> None:
        """A task has ended."""
        place = self.places[event.rank]
        most = self.checks.scenario.tasks_per_child
        worn = event.stale or place.served == most
        place.busy, place.useless = False, worn or place.outdated

    def on_kept(self, event: on.Kept | on.NotKept) -> None:
        """What came of it is in the log, or cannot be."""
        self.places[event.rank].run = None

    def on_found(self, event: on.Found) -> None:
        """What the place is."""
        self._place = event.place
        serves = self._first_hello is not None and not self._first_hello.error
        same = all(
            event.place[what] == self.guard[what] for what in event.place if what in self.guard
        )
        self._passed = event.place.get("implementation") == "cpython" and same and serves

    def on_looked(self, event: on.Looked) -> None:
        """What is new."""
        self.offers.looked(event.heads, event.values)
        self._answered(bool(event.heads or event.cancelled or event.values))
        self._closed = self._closed or event.closed
        self._last.gone = None
        self.duties.cancelled(event.cancelled)

    def on_look_failed(self, event: on.LookFailed) -> None:
        """It could not look."""
        self._answered(False)
        self._lacks(gone=event.gone)
        self.offers.held = False

    def _lacks(self, *, gone: bool) -> None:
        """While tasks run, a directory that is gone may come back for some seconds."""
        now, works = self.checks.world.now, any(place.run for place in self.places)
        self._last.gone = (now if self._last.gone is None else self._last.gone) if gone else None
        if gone and (not works or now - self._last.gone >= GONE):
            self._closed = True

    def _answered(self, news: bool) -> None:
        now = self.checks.world.now
        self._last.looked = now
        busy = any(place.run for place in self.places) or bool(self.offers.waiting)
        if news and self.agent.core.phase == phases.WAITING:  # the client lives
            self._waits_since = self._last.busy = now
        self._glances.answered(news, now - self._waits_since, busy=busy)

    def on_claimed(self, event: on.Claimed) -> None:
        """Tasks are its own."""
        self.offers.answered()
        self.duties.claimed(event.tasks)
        self.drifted = event.drifted
        for place in self.places if event.changed else ():
            place.outdated = place.there
            place.useless = place.useless or (place.outdated and not place.busy)

    def on_drifted(self, event: on.Drifted) -> None:
        """A task does not begin here, or in another process."""
        place, name = self.places[event.rank], (event.task, event.attempt)
        if place.run == name:
            self.duties.not_begun(name)
            place.busy, place.run = False, None
            place.calls -= place.first
            place.first = False
            queued = [task for task, how in self.duties.done.items() if how == "queued"]
            self.drifted = tuple(task for task in event.drifted if task in queued)
            for other in self.places if event.changed else ():
                other.outdated = other.there
                other.useless = other.useless or (other.outdated and not other.busy)

    def on_lost(self, _event: on.Lost) -> None:
        """They are another's."""
        self.offers.answered()

    def on_claim_failed(self, _event: on.ClaimFailed) -> None:
        """Nobody knows."""
        self.offers.asked, self.offers.held = None, True

    def on_flushed(self, _event: on.Flushed) -> None:
        """What others wait for may be there now."""
        if self.offers.waiting:
            self._glances.wrote()

    def on_flush_failed(self, event: on.FlushFailed) -> None:
        """There may be nobody to write for."""
        if event.gone:
            self._lacks(gone=True)

    def on_signalled(self, _event: on.Signalled) -> None:
        """It is told to end."""
        self._signalled = True

    # -- done -------------------------------------------------------------------------------

    def start_worker(self, action: do.StartWorker) -> None:
        """Only where none is."""
        self.demand(not self.places[action.rank].there, "two processes", action)
        self.places[action.rank].there = True
        self.places[action.rank].started = self.checks.world.now

    def stop_worker(self, action: do.StopWorker) -> None:
        """Not while it runs a task that is wanted."""
        place = self.places[action.rank]
        leaves = self.agent.core.why not in {None, "signal"}
        wanted = place.run is not None and not self.duties.unwanted(place.run)
        wanted = wanted and not self._overran(place)
        self.demand(leaves or not wanted or self._closed, "stopped at work", place.run)
        late = self.checks.world.now - place.started >= HELLO_TIMEOUT - SAME
        needless = place.there and not place.run and not place.useless and not late
        another = self.duties.next_modules() not in {None, place.configured}
        fine = self.agent.core.why is not None or not needless or (another and bool(place.hello))
        self.demand(fine, "stopped for nothing", action)
        self._empty(action.rank)

    def _overran(self, place: Place) -> bool:
        """Whether its task has run for as long as it may."""
        plan = self.checks.plans[place.run[0]] if place.run and place.busy else None
        if plan is None or plan.walltime is None:
            return False
        return self.checks.world.now - place.began >= plan.walltime - SAME

    def _walltime(self, place: Place) -> float:
        return (self.checks.plans[place.run[0]].walltime or 0.0) if place.run else 0.0

    def _empty(self, rank: int) -> None:
        """No process is there."""
        before, self.places[rank] = self.places[rank], Place()
        self.places[rank].calls, self.places[rank].first = before.calls, before.first
        self.places[rank].unread, self.places[rank].ends = before.unread, before.ends

    def configure(self, action: do.Configure) -> None:
        """Only a process that has said hello, has none, and is not busy."""
        place = self.places[action.rank]
        fine = place.hello and not place.busy and place.asked is None and place.configured is None
        self.demand(fine, "configured at the wrong time", action)
        self.demand(self.checks.world.now >= place.held, "tried again too soon", action)
        place.asked = action.modules

    def claim(self, action: do.Claim) -> None:
        """Once it may, and only what it can begin."""
        self.demand(self._passed, "claimed before the guard", action)
        self.demand(self.agent.core.why is None, "claimed while leaving", action)
        self.demand(self.agent.papers.announced, "claimed unannounced", action)
        self.demand(self._free() is not None, "claimed with no worker free", action)
        self.demand(not self.duties.waiting(), "claimed more than it begins", action)
        self.offers.claim(action, self._fresh(), self._left())
        self._last.busy = self.checks.world.now

    def run(self, action: do.Run) -> None:
        """A task that is its own, by a process that is made for it."""
        place, now = self.places[action.rank], self.checks.world.now
        info = self.duties.run(action)
        fine = place.hello and not place.run and place.configured == info.modules
        self.demand(fine, "run by the wrong process", f"{action}: {place.configured}")
        self.demand(not place.useless, "run by an old process", action)
        place.calls += 1
        place.served += 1
        most = self.checks.scenario.tasks_per_child
        self.demand(most is None or place.served <= most, "worker wears out", action)
        place.first = place.calls == 1 and self._whole()
        fits = place.first or self._left() - MARGIN >= self.offers.need([info])
        self.demand(fits, "begun without time", f"{action}: {self._left():.1f} s left")
        self.served = True
        place.busy, place.run, place.began = True, (action.task, action.attempt), now

    def keep(self, action: do.Keep) -> None:
        """An outcome, of the task that it ran."""
        place = self.places[action.rank]
        fine = place.run == (action.task, action.attempt) and not place.busy
        self.demand(fine, "another's outcome", f"{action}: {place.run}")
        self.offers.ran(action.task, self.checks.world.now - place.began)
        self.duties.done[place.run] = "kept"

    def keep_death(self, action: do.KeepDeath) -> None:
        """A death, of the task that it ran."""
        dead, place = (action.task, action.attempt), self.places[action.rank]
        fine = place.run == dead and self._overran(place) if action.how.late else False
        self.demand(fine or self.duties.dying == dead, "another's death", action)
        self.demand(action.first == self.places[action.rank].first, "first", action)
        self.duties.done[dead] = "died"

    def record(self, action: do.Record) -> None:
        """What it says is true."""
        said = SAID.get(action.kind)
        if said is not None:
            said(self, action.fields)

    def said_run(self, fields: dict[str, Any]) -> None:
        """A task runs, and has for a moment."""
        place = self.places[fields["slot"]]
        fine = place.busy and place.run == (fields["t"], fields["a"])
        self.demand(fine, "runs not", fields)
        ran = self.checks.world.now - place.began
        self.demand(ran >= TELL - SAME, "told at once", fields)
        self.demand(fields["first"] == place.first, "first", fields)

    def said_back(self, fields: dict[str, Any]) -> None:
        """Tasks go back that it has and has not begun."""
        self.duties.back([(task, attempt) for task, attempt in fields["t"]])

    def said_drift(self, fields: dict[str, Any]) -> None:
        """Tasks that it has claimed and not begun go back, with what there is instead."""
        self.demand(fields["t"] == self.drifted and fields["found"], "drift", fields)
        self.duties.done.update(dict.fromkeys(self.drifted, "back"))
        self.drifted = ()

    def said_refused(self, fields: dict[str, Any]) -> None:
        """What differs here: something does."""
        rows = fields["findings"]
        fine = bool(rows) and all(isinstance(what, str) and what for what, *_ in rows)
        wrong = self.checks.scenario.place in {"moved", "updated"} or bool(self.checks.struck)
        self.demand(fine and wrong, "refused for nothing", fields)
        self.demand(all(wanted != found for _, wanted, found in rows), "refused", fields)
        hello = None if self._broke else self._first_hello
        findings(self.checks, rows, self._place, hello, self.guard)

    def said_failed(self, fields: dict[str, Any]) -> None:
        """Why no worker can serve."""
        fine = bool(self.checks.struck) and "None" not in fields["error"] and fields["error"]
        self.demand(bool(fine), "failed for nothing", fields)

    def announce(self, action: do.Announce) -> None:
        """With what its first worker said, and what the client asked for."""
        told = self.agent.job.script.action.open and not self.checks.scenario.probe
        some = bool(self.places)  # a node may have no workers
        fine = action.probe is (not told and some) and (bool(action.python) or not self._hello())
        self.demand(fine, "announced", action)

    def said_end(self, fields: dict[str, Any]) -> None:
        """Why it leaves."""
        now, scenario = self.checks.world.now, self.checks.scenario
        why, idle = fields["why"], now - self._last.busy
        self.demand(why in WHYS, "unknown reason", fields)
        if why == "idle" and self.places:  # without workers there is nothing to wait for
            least = scenario.idle_timeout if self._passed else scenario.gate_timeout
            self.demand(idle >= least - SAME, "left early", f"idle for {idle:.2f} s")
            self.demand(not self.duties.waiting(), "left with tasks", "idle")
        elif why == "signal":
            self.demand(self._signalled, "left for nothing", why)
        elif why == "time":
            told = self.agent.job.script.action.pilot in self.duties.names
            left_alone = told or self.duties.went_back or self.offers.unfit(self._left())
            self.demand(left_alone, "left for nothing", f"{why}, {self._left():.1f} s left")

    def inspect(self, action: do.Inspect) -> None:
        """Distributions are listed where the guard asks for them, which takes time."""
        self.demand(action.distributions is (DISTRIBUTIONS in self.guard), "inspects", action)

    def look(self, action: do.Look) -> None:
        """It looks, in its turn, or once more before it leaves for want of work."""
        awaited = self.offers.awaited()
        self.demand(set(action.values) == set(awaited), "looks for others", action)
        idle = self.checks.world.now - self._last.busy
        self._glances.asked(in_turn=idle < self.checks.scenario.idle_timeout - SAME)

    def beat(self, _action: do.Beat) -> None:
        """It lives."""
        self._last.beat = self.checks.world.now

    def exit(self, action: do.Exit) -> None:
        """It ends: nothing is left over."""
        self.demand(isinstance(action.text, str), "exits", action)
        workers = any(place.there for place in self.places)
        self.demand(not workers or action.code != 0, "left workers", action)
        if action.code == 0 and not self._closed:
            if self.agent.core.why not in {"failed", "refused"}:
                self.duties.settled()
            self.demand(not self.agent.papers.waiting, "left unwritten", action)
        elif action.code == phases.DISK_FULL:
            self.demand("disk" in self.agent.ills, "no disk was full", action)
        elif action.code:
            self.demand(bool(action.text), "ended without a word", action)

    def _gives_up(self) -> None:
        """Where no worker can serve, it says so at once and leaves."""
        core = self.agent.core
        if self._hopeless:
            self.demand(core.why is not None, "goes on without workers", self._hopeless)

    def _written(self, now: float) -> None:
        """What it has to say stands in the log soon, unless that cannot be written."""
        papers = self.agent.papers
        if not papers.waiting or papers.gone() or "flush_fails" in self.checks.struck:
            self._last.written = now
        fine = now - self._last.written < UNWRITTEN or self.agent.core.phase == phases.STARTING
        self.demand(fine, "written late", self.agent.papers.waiting)

    # -- always -----------------------------------------------------------------------------

    def _replaced(self, now: float) -> None:
        """A process that says nothing is replaced."""
        if self.agent.core.phase in {phases.WAITING, phases.SERVING}:
            for place in self.places:
                silent = place.there and not place.hello
                fine = not silent or now - place.started < HELLO_TIMEOUT + LATE
                self.demand(fine, "hangs", f"a worker, for {now - place.started:.0f} s")

    def _in_time(self, now: float) -> None:
        """It looks, shows that it lives, and does not stay for ever where nothing happens."""
        phase, scenario = self.agent.core.phase, self.checks.scenario
        if phase in {phases.WAITING, phases.SERVING}:
            self.demand(now - self._last.looked < LONGEST_LOOK + LATE, "looks rarely", phase)
        for place in self.places:
            over = self._overran(place) and now - place.began > self._walltime(place) + LATE
            self.demand(not over, "runs too long", place.run)
        if phase in {phases.WAITING, phases.SERVING, phases.LEAVING}:
            self.demand(now - self._last.beat < HEARTBEAT + LATE, "heart stops", phase)
        if phase == phases.STARTING:
            self.demand(now - self._last.busy < HELLO_TIMEOUT + LATE, "lingers", phase)
        elif phase == phases.WAITING:
            self.demand(not self.offers.seen, "does not go on", "it has a bundle, and so a guard")
            self.demand(
                now - self._last.busy < scenario.gate_timeout + HELLO_TIMEOUT, "lingers", phase
            )
        elif phase == phases.SERVING:
            if self.duties.waiting() or any(place.run for place in self.places):
                self._last.busy = now
            fine = now - self._last.busy < scenario.idle_timeout + 2 * LATE or self.offers.asked
            self.demand(bool(fine), "lingers", f"idle for {now - self._last.busy:.1f} s")
        if phase in {phases.ANNOUNCING, phases.JUDGING}:
            self._last = Last(now)
        if phase != phases.WAITING:
            self._waits_since = now

    def _not_idle(self, now: float) -> None:
        """While it serves, a worker that could work does."""
        if self.agent.core.phase != phases.SERVING or self.offers.asked:
            return
        free = self._free()
        if free is None or free.held > now:
            return
        offer = self.offers.best(self._fresh(), self._left())
        self.demand(offer is None, "starves", f"{offer} lies there")
        self.demand(not self.duties.waiting(), "starves", "it has tasks that it does not begin")
        busy = any(place.run for place in self.places) or self.offers.held
        unfit = self.offers.unfit(self._left()) and not self._fresh()
        self.demand(busy or not unfit, "stays for nothing", f"{self._left():.1f} s are left")

    def _free(self) -> Place | None:
        """The first worker that could take a task."""
        return next((p for p in self.places if p.hello and not p.run and p.asked is None), None)

    def _hello(self) -> bool:
        """Whether a worker has said hello."""
        return any(place.hello for place in self.places)

    def _fresh(self) -> bool:
        free = self._free()
        return free is not None and not free.calls and self._whole()

    def _left(self) -> float:
        return float("inf") if self.told is None else self.told[0] - self.checks.world.now

    def _whole(self) -> bool:
        """Whether nearly all of the job's time is left."""
        return self.told is None or self._left() >= NEARLY * self.told[1]


HEARD: dict[type, Callable[[Conduct, Any], None]] = {
    on.Hello: Conduct.on_hello,
    on.Ready: Conduct.on_ready,
    on.NotConfigured: Conduct.on_not_configured,
    on.Died: Conduct.on_died,
    on.Finished: Conduct.on_finished,
    on.Kept: Conduct.on_kept,
    on.NotKept: Conduct.on_kept,
    on.Found: Conduct.on_found,
    on.Looked: Conduct.on_looked,
    on.LookFailed: Conduct.on_look_failed,
    on.Claimed: Conduct.on_claimed,
    on.Drifted: Conduct.on_drifted,
    on.Lost: Conduct.on_lost,
    on.ClaimFailed: Conduct.on_claim_failed,
    on.Flushed: Conduct.on_flushed,
    on.FlushFailed: Conduct.on_flush_failed,
    on.Signalled: Conduct.on_signalled,
}
SAID: dict[str, Callable[[Conduct, dict[str, Any]], None]] = {
    "run": Conduct.said_run,
    "back": Conduct.said_back,
    "drift": Conduct.said_drift,
    "refused": Conduct.said_refused,
    "failed": Conduct.said_failed,
    "end": Conduct.said_end,
}
DISTRIBUTIONS = "distributions"
WHYS = ("idle", "time", "closed", "signal", "refused", "failed")
DONE: dict[type, Callable[[Conduct, Any], None]] = {
    do.StartWorker: Conduct.start_worker,
    do.StopWorker: Conduct.stop_worker,
    do.Configure: Conduct.configure,
    do.Announce: Conduct.announce,
    do.Claim: Conduct.claim,
    do.Run: Conduct.run,
    do.Keep: Conduct.keep,
    do.KeepDeath: Conduct.keep_death,
    do.Record: Conduct.record,
    do.Beat: Conduct.beat,
    do.Look: Conduct.look,
    do.Inspect: Conduct.inspect,
    do.Exit: Conduct.exit,
}
