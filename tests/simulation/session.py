"""What one life of the client was told, asked for and gave to its caller; and what it must not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fcx.executor.core import actions as act
from fcx.executor.core import events as ev
from fcx.executor.core.crew import INLINE_BUNDLE
from fcx.executor.core.outgoing import BUNDLE

from .calm import calm
from .causes import Causes
from .cuts import Cuts
from .delays import Delays
from .givenup import given_up, left_lying
from .invariants import SAME, Checks, Spin
from .ownership import Ownership
from .pace import Pace
from .promptness import Promptness
from .reactions import Reactions
from .staffing import Staffing
from .words import Words

PHASES = ("submitting", "queued", "up", "leaving", "ended")
CUT = ("TIMEOUT", "DEADLINE")  # a job's time was over
SOON = 15.0  # seconds before a job's time is over that count as its end
ARCHIVES = 10_000  # bytes of all modules
REFUSED = 59.9  # seconds after which a pilot that was refused is tried again
SPIN = 30  # steps at what is the same time


class Session:
    """One life of the client; its methods are called by the client's shell."""

    def __init__(self, checks: Checks) -> None:
        self.checks = checks
        self.expected: dict[str, None] = {}  # tasks that shall settle
        self.settled: dict[str, act.Settle] = {}
        self.given: dict[str, bool] = {}  # what the caller has: whether it is no value
        self.kept: dict[str, None] = {}  # tasks that were not submitted: what they take is no value
        self.names: dict[str, str] = {}  # under which tasks are known, by those they came under
        self.finished: float | None = None  # when
        self.broke_at = float("inf")
        self.causes = Causes(checks)
        self._pace = Pace(checks, self)
        self.letters = Letters(checks)
        self._staffing = Staffing(checks)
        self._reactions = Reactions(checks, self.expected, self.settled)
        self._promptness = Promptness(checks)
        self._cuts = Cuts(checks, self._reactions.sent, self.settled)
        self._words = Words(checks)
        self._ownership = Ownership(checks)
        self._delays = Delays(checks)
        self._spin = Spin()
        self.closed = False  # no more tasks will come
        self._seen: dict[Any, None] = {}  # stages and phases
        checks.sessions.append(self)

    @property
    def broken(self) -> ev.Trouble | None:
        """Why the run could not go on."""
        return self.causes.broken

    @property
    def open(self) -> bool:
        """Whether tasks are still owed."""
        return not self.closed or any(task not in self.settled for task in self.expected)

    def failed_itself(self, task: str) -> bool:
        """Whether the task's trouble is its own, or that of another whose value it takes."""
        note = self.settled.get(task)
        own = note and note.trouble and note.trouble not in self.causes.all_broken
        return bool(own or (note and note.like))

    def step(self, client: Any, event: Any, actions: list[Any]) -> None:
        """The core was told something, and this is what it wants done."""
        checks, now = self.checks, self.checks.world.now
        checks.table.note("event", type(event).__name__)
        before = dict.fromkeys(self.settled)
        asked = self._told(event, client.core, now)
        for action in actions:
            checks.table.note("action", type(action).__name__)
            self._asked(action, event, now)
        self._reactions.step(client.core, event, asked, actions, before)
        self._promptness.step(client.core, event, asked, actions)
        self._cuts.step(client.core, event, asked, actions)
        self._words.step(client.core, event, actions)
        self._ownership.step(client.core, event, actions)
        self._delays.step(client.core, event, actions)
        given_up(checks, client.core, event, asked, actions)
        left_lying(checks, client.core)
        self._places(client.core, event, actions)
        self._staffing.step(client.core, event, actions, self.letters.opened(0))
        if client.core.ending.stage != "open":
            self._pace.repeats.leaves()
        self._states(client.core)
        self._pace.after(client.core, now)
        self._spins(client.core, now)

    # -- told -------------------------------------------------------------------------------

    def _told(self, event: Any, core: Any, now: float) -> Any:
        waited = isinstance(event, ev.Attached) and not event.by_key
        if isinstance(event, ev.Submitted) or waited:
            self.expected.update(dict.fromkeys(info.id for info in event.tasks))
        elif isinstance(event, ev.CancelAsked):
            self.checks.unwanted.setdefault(event.task, now)
        elif isinstance(event, ev.LeaveAsked):
            self.checks.fetched[event.task] = None  # nobody will ask for it
        elif isinstance(event, ev.CloseAsked):
            self.closed = True
            if event.abort:
                self.checks.unwanted.update(dict.fromkeys(self.expected, now))
        elif isinstance(event, ev.Settled):
            for task in event.tasks:
                self._has(task, kept=event.kept)
        asked = self._pace.told(event, core, now)
        if isinstance(asked, act.FetchLeft) and isinstance(event, ev.Done):
            self.checks.fetched[asked.task] = None
        self.letters.told(event, asked)
        self.causes.told(event, asked)
        return asked

    def _has(self, task: str, *, kept: bool) -> None:
        note = self.settled[task]
        no_value = note.attempt < 0 or note.trouble or self.checks.plans[task].raises
        self.given[task] = bool(no_value)
        if note.attempt >= 0 and note.trouble is None and not (kept or note.left):
            self.checks.fetched[task] = None

    # -- asked ------------------------------------------------------------------------------

    def _asked(self, action: Any, event: Any, now: float) -> None:
        self.checks.demand(self.finished is None, "after the end", action)
        if not isinstance(action, act.Note):
            self._pace.asked(action, event, now)
        self.letters.asked(action)
        meaning = ASKED.get(type(action))
        if meaning is not None:
            meaning(self, action)

    def settle(self, note: act.Settle) -> None:
        """A task has its outcome, once."""
        demand, checks = self.checks.demand, self.checks
        demand(note.task in self.expected, "unknown settled", note)
        demand(note.task not in self.settled, "settled twice", note)
        self.settled[note.task] = note
        if note.like:
            self._like(note)
        elif note.cancelled:
            demand(note.task in checks.unwanted, "cancelled by nobody", note)
        elif note.trouble is None:
            run = checks.written.get(note.task, {}).get(note.attempt)
            demand(run is not None, "no such outcome", note)
            assert run is not None
            demand(note.job == run.agent.job.id, "another job's", f"{note} ran in {run.agent.name}")
            self.letters.ran(note.task)
        else:
            self.causes.settled(note, note.trouble)

    def _like(self, note: act.Settle) -> None:
        """What it was to take will not be."""
        demand, checks = self.checks.demand, self.checks
        other = self.settled.get(note.like)
        plans, mine = checks.plans, checks.plans[note.task].takes
        taken = any(plans[note.like] is plans[f"t{number}"] for number in mine)
        demand(taken and other is not None, "like another", f"{note}: {other}")
        assert other is not None
        demand(other.cancelled == note.cancelled, "like another", f"{note}: {other}")
        no_value = other.cancelled or other.trouble or other.like or checks.plans[note.like].raises
        demand(bool(no_value), "not like that", f"{note}: {other}")
        if note.cancelled:
            checks.unwanted.setdefault(note.task, checks.world.now)

    def same(self, note: act.Same) -> None:
        """The caller waits for a task of an earlier life instead."""
        demand = self.checks.demand
        demand(note.task in self.expected, "unknown same", note)
        plans = self.checks.plans
        demand(plans[note.task] is plans[note.earlier], "another task", note)
        del self.expected[note.task]
        self.expected[note.earlier] = None
        for name in [n for n, known in self.names.items() if known == note.task]:
            self.names[name] = note.earlier
        self.names[note.task] = note.earlier
        self.letters.same(note)

    def found(self, note: act.Found) -> None:
        """The caller waits for tasks that no journal had, too."""
        self.expected.update(dict.fromkeys(info.id for info in note.tasks))

    def tell_running(self, note: act.TellRunning) -> None:
        """News of a task that has no outcome yet: it is true."""
        self.checks.demand(note.task not in self.settled, "told after its end", note)
        jobs = [run.agent.job.id for run in self.checks.runs.get(note.task, [])]
        self.checks.demand(note.job in jobs, "runs elsewhere", f"{note}, it ran in {jobs}")

    def tell_pending(self, note: act.TellPending) -> None:
        """News of a task that has no outcome yet."""
        self.checks.demand(note.task not in self.settled, "told after its end", note)

    def discard(self, note: act.Discard) -> None:
        """Bytes that nobody waits for."""
        mine = self.settled.get(note.task)
        waits = mine is not None and mine.trouble is None and mine.attempt == note.attempt
        unread = note.task not in self.checks.fetched
        again = self.checks.struck or not unread  # a record may be read twice
        self.checks.demand(not waits or bool(again), "outcome discarded", note)

    def say(self, note: act.Say) -> None:
        """A line for people."""
        quiet = note.level == "info" or not calm(self.checks) or self._rough()
        quiet = quiet or any(kind.refused for kind in self.checks.scenario.kinds)
        self.checks.demand(quiet, "complains in the calm", note)
        fine = len(note.text) > 2 and ("None" not in note.text or "differs" in note.text)
        self.checks.demand(fine and ".. " not in note.text, "nothing said", note)
        self._pace.repeats.said(note, self.checks.world.now)

    def _rough(self) -> bool:
        """Whether tasks themselves give reason to complain."""
        cut = any(job.doomed for job in self.checks.jobs())
        return cut or any(plan.how in {"killed", "stubborn"} for plan in self.checks.plans.values())

    def broke(self, note: act.Broken) -> None:
        """The run cannot go on."""
        if note.shape is not None:
            self.causes.lane_broke(note.shape, note.trouble)
            return
        if note.trouble.error == "Unreachable":
            self._pace.repeats.gives_up(note.trouble.message, self.checks.world.now)
        self.checks.demand(self.broken is None, "broken twice", note)
        fine = self.open or len(self.checks.sessions) > 1  # it is not known what lies there
        self.checks.demand(fine, "broken after its end", note)
        self.causes.broke(note.trouble)
        self.broke_at = self.checks.world.now

    def finish(self, _note: act.Finish) -> None:
        """The run is over: nothing may be open."""
        open_tasks = [task for task in self.expected if task not in self.settled]
        self.checks.demand(not open_tasks, "finished too early", f"{open_tasks} have no outcome")
        self._pace.finish()
        self.finished = self.checks.world.now

    # -- after ------------------------------------------------------------------------------

    def _places(self, core: Any, event: Any, actions: list[Any]) -> None:
        """Whoever asks learns where a running task writes; and at the end, that none is wanted."""
        told = {a.task: a for a in actions if isinstance(a, act.TellRunning | act.TellPending)}
        for task, note in told.items():
            if task in self.settled:
                continue
            runs = self.checks.runs.get(task, [])
            there = [
                (r.agent.name, r.slot) for r in runs if r.agent.job.id == getattr(note, "job", "")
            ]
            found = core.running(task)
            place = (found.cursor.name, found.slot) if found else None
            fine = place in there if isinstance(note, act.TellRunning) else place is None
            self.checks.demand(fine, "writes elsewhere", f"{note}: {place}, not {there}")
        if isinstance(event, ev.CloseAsked) and event.abort:
            left = [task for task in self.expected if task not in self.settled]
            self.checks.demand(not left, "not called off", left)

    def _spins(self, core: Any, now: float) -> None:
        """It must not be asked again and again at the same time."""
        if self._spin.step(now) > SPIN:
            due = core.due()
            fine = due is None or due > now
            self.checks.demand(fine, "spins", f"due {due} at {now}")

    def _states(self, core: Any) -> None:
        """For the table."""
        stage = core.ending.stage
        if stage not in self._seen:
            self._seen[stage] = None
            self.checks.table.note("stage", stage)
        for pilot in core.fleet.pilots:
            self.checks.demand(pilot.phase in PHASES, "unknown phase", pilot)
            if (pilot.name, pilot.phase) not in self._seen:
                self._seen[pilot.name, pilot.phase] = None
                self.checks.table.note("phase", pilot.phase)


class Letters:
    """Payload leaves only once a verdict has passed that covers it, remembered, by an allowed way."""

    def __init__(self, checks: Checks) -> None:
        self.checks = checks
        self._opened: dict[int, None] = {}  # shapes whose verdict has passed
        self._open_at_once = False
        self.longest: dict[str, float] = {}  # runs of a function, as they were heard of
        self._passed: dict[tuple[int, int], None] = {}  # shapes with sets of requirements
        self._tasks: dict[str, tuple[tuple[str, int], ...]] = {}  # by bundle
        self._sizes: dict[str, int] = {}
        self._shapes: dict[str, int] = {}  # of bundles
        self._recorded: dict[Any, None] = {}  # tasks with attempts, pilots
        self._sent_before: dict[str, None] = {}  # by an earlier life
        self._refused: dict[str, float] = {}  # pilots that Slurm did not take, and when
        self._payloads: dict[str, None] = {}  # of tasks that were submitted, or read in the inbox

    def told(self, event: Any, asked: Any) -> None:
        """A verdict, perhaps, or word that something is remembered."""
        if isinstance(event, ev.Began):
            self._open_at_once = event.open
            self._opened.update({0: None} if event.open else {})
        elif isinstance(event, ev.Shaped) and event.open:
            self._opened[event.like] = None
        elif isinstance(event, ev.Judged) and event.trouble is None:
            self._opened[self.checks.scenario.like(asked.shape)] = None
        elif isinstance(event, ev.RequirementsJudged) and event.trouble is None:
            self._passed[self.checks.scenario.like(asked.shape), asked.requirements] = None
        elif isinstance(event, ev.Submitted):
            self._payloads.update(dict.fromkeys(info.id for info in event.tasks))
        elif isinstance(event, ev.InboxRead):
            self._opened.update({shaped.like: None for shaped in event.shapes if shaped.open})
            self._sent_before.update(dict.fromkeys(info.id for info, *_ in event.tasks))
            self._payloads.update(self._sent_before)
        elif isinstance(event, ev.Failed) and isinstance(asked, act.SubmitPilot):
            if event.kind != "passing":
                self.checks.pilots.pop(asked.pilot, None)  # it may be submitted again
                self._refused[asked.pilot] = self.checks.world.now
        elif isinstance(event, ev.LogRead):
            came = [record.pilot for record in event.records if isinstance(record, ev.Up)]
            mine = self.checks.pilots
            mine.update((name, (self, 0)) for name in came if name not in mine)  # it has a job
        elif isinstance(event, ev.Encoded):
            self._sizes[asked.bundle] = event.size
        elif isinstance(asked, act.RecordTasks):
            self._recorded.update(dict.fromkeys(asked.tasks))
        elif isinstance(asked, act.RecordPilot):
            self._recorded[asked.pilot] = None

    def asked(self, action: Any) -> None:
        """Something may leave."""
        if isinstance(action, act.Learn):
            like = self.checks.scenario.like(action.shape)
            self._passed = {key: None for key in self._passed if key[0] != like}
        elif isinstance(action, act.Encode):
            self._encode(action)
        elif isinstance(action, act.UploadBundle):
            self._leaves((action.bundle,), self._shapes[action.bundle])
        elif isinstance(action, act.SubmitPilot):
            self._submit(action)

    def same(self, note: act.Same) -> None:
        """The payload of the one serves for the other."""
        if note.task in self._payloads:
            self._payloads[note.earlier] = None

    def _encode(self, action: act.Encode) -> None:
        demand = self.checks.demand
        demand(action.bundle not in self._tasks, "bundle made twice", action.bundle)
        demand(sum(action.sizes) == len(action.tasks), "sizes", action)
        demand(min(action.sizes) > 0, "sizes", action)
        size = sum(self.checks.plans[task].size for task, _ in action.tasks)
        demand(size <= BUNDLE or len(action.tasks) == 1, "large bundle", f"{size} bytes")
        self._owed(action)
        told = dict(action.seen) == self.longest or len(self.checks.sessions) > 1
        demand(told, "running times", f"{action.seen}: {self.longest}")
        self._tasks[action.bundle] = action.tasks
        for task in action.tasks:
            demand(task in self._recorded, "not remembered", f"{task} in {action.bundle}")
            demand(task[0] in self._payloads, "no payload", f"{task} in {action.bundle}")
            number = self.checks.plans[task[0]].requirements
            like = self.checks.scenario.like(action.shape)
            passed = not number or (like, number) in self._passed
            demand(passed, "payload before its verdict", f"{task} in {action.bundle}")
            mine = self.checks.plans[task[0]].shape == action.shape
            demand(mine, "another shape's", f"{task} in {action.bundle}")
        self._shapes[action.bundle] = action.shape
        self._leaves((action.bundle,), action.shape)

    def opened(self, shape: int) -> bool:
        """Whether payload may go to pilots of this shape."""
        return self.checks.scenario.like(shape) in self._opened

    def _leaves(self, bundles: tuple[str, ...], shape: int) -> None:
        for bundle in bundles:
            mine = self._shapes.get(bundle, shape) == shape
            self.checks.demand(mine, "another shape's", bundle)
            self.checks.demand(self.opened(shape), "payload before verdict", bundle)

    def _owed(self, action: act.Encode) -> None:
        """Who was cut short by the end of a job's time, though not as the first, goes first."""
        checks = self.checks
        for task, _ in action.tasks:
            runs = checks.runs.get(task, [])
            if not runs or checks.excused() or len(checks.sessions) > 1:
                continue
            job, last = runs[-1].agent.job, runs[-1]
            cut = job.state in CUT and last.how == "stopped" and last.ended >= job.times.left - SAME
            fine = bool(action.pilot) or not cut or last.first or job.restart > 0
            checks.demand(fine, "not owed", f"{task} was cut short with job {job.id}")
            soon = last.ended >= job.times.ends - SOON
            fine = not action.pilot or job.doomed in CUT or soon
            checks.demand(fine, "owed nothing", f"{task}, whose job is {job.state}")

    def ran(self, task: str) -> None:
        """A task has an outcome: how long it took is told to agents."""
        plan = self.checks.plans[task]
        self.longest[plan.function] = max(plan.seconds, self.longest.get(plan.function, 0.0))

    def _submit(self, action: act.SubmitPilot) -> None:
        demand, limits = self.checks.demand, self.checks.scenario.limits_of(action.shape)
        self._leaves(action.bundles, action.shape)
        demand(self.opened(action.shape) or not action.open, "opened", action)
        demand(action.workers == limits.workers(), "workers", action)
        demand(action.pilot in self._recorded, "not remembered", action)
        self._first_script(action)
        since = self.checks.world.now - self._refused.pop(action.pilot, float("-inf"))
        demand(since >= REFUSED, "tried again at once", f"{action} after {since:.1f} s")
        mine = self, action.id
        first = self.checks.pilots.setdefault(action.pilot, mine)
        fine = first == mine or "journal_lost" in self.checks.struck
        demand(fine, "two of one name", action)
        demand(limits.inline or not action.bundles, "payload in a script", action)
        large = [name for name in action.bundles if self._sizes[name] >= INLINE_BUNDLE]
        demand(not large, "large script", f"{large} in {action}")

    def _first_script(self, action: act.SubmitPilot) -> None:
        """Where payload may leave from the beginning, the first pilot brings the first bundle."""
        plans, limits = self.checks.plans.values(), self.checks.scenario.limits
        judged = any(plan.requirements for plan in plans)
        first = not self.checks.pilots and len(self.checks.sessions) == 1
        first = first and not self.checks.scenario.kinds
        if first and self._open_at_once and limits.inline and not judged:
            sizes = list(self._sizes.values())[:1]
            small = [size for size in sizes if size + ARCHIVES < INLINE_BUNDLE]
            fine = bool(sizes) and bool(not small or action.bundles)
            self.checks.demand(fine, "comes with nothing", f"{action}: {sizes}")


ASKED: dict[type, Callable[[Session, Any], None]] = {
    act.Settle: Session.settle,
    act.TellRunning: Session.tell_running,
    act.TellPending: Session.tell_pending,
    act.Discard: Session.discard,
    act.Say: Session.say,
    act.Broken: Session.broke,
    act.Same: Session.same,
    act.Found: Session.found,
    act.Finish: Session.finish,
}
