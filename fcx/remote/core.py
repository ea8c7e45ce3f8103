"""What an agent decides: what it claims, runs, hands back, and when it leaves. Pure.

Events come in with the time, actions go out; no clock, no file, no process is touched, and the same
events give the same actions. ``due`` names the time at which the core wants to be asked again.

::

    starting ── first hello ──> announcing ── `up` is in the log ──> waiting ── a guard ──> judging
        │                                                               │                      │
        └── signal ──┐             gate_timeout, closed, signal ────────┤   refused ───────────┤
                     v                                                  v                      v
    ended <── closing <── leaving <──── idle, time, closed, signal, failed ─────────────── serving
"""

from typing import ClassVar

from ..protocol import record
from ..protocol.names import DISK_FULL
from . import actions, events, slots
from .guard import Gate
from .offers import Offers
from .queue import Queue
from .slots import Slots
from .timers import GONE, HEARTBEAT, LONGEST_LOOK, Clock, Flushes, Looks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterable, List, Optional, Type

    from ..protocol.config import Config
    from .actions import Action
    from .events import Event, How
    from .guard import Finding
    from .slots import Slot

STARTING, ANNOUNCING, WAITING, JUDGING = "starting", "announcing", "waiting", "judging"
SERVING, LEAVING, CLOSING, ENDED = "serving", "leaving", "closing", "ended"

MARGIN = 2.0  # seconds of the job's time that are not counted on
PROMPT = 3.0  # seconds for which the go is looked for as quickly as tasks are
START_TRIES = 3  # processes of a worker that may be ended from outside before it is ready
OVERLONG = "was ended: its task took longer than its walltime of %g s"
NO_HELLO = "did not start in %d s" % slots.HELLO_TIMEOUT


class AgentCore:
    """One agent: its workers, what it may claim and has claimed, and how far along its life is."""

    def __init__(self, config: "Config", workers: int) -> None:
        self.config = config
        self.slots = Slots(workers)
        self.offers = Offers(config.pilot, config.shape)
        self.queue = Queue()
        self.clock = Clock()
        self.looks = Looks()
        self.log = Flushes()
        self.gate = Gate(config.guard)
        self.phase = STARTING
        self.since = 0.0  # the phase; while serving: since when there is nothing to do
        self.why: "Optional[str]" = None  # it leaves
        self.out: "List[Action]" = []

    def handle(self, event: "Event", now: float) -> "List[Action]":
        """What is to be done about it."""
        self.out = []
        if self.phase == ENDED:
            return self.out
        self._HANDLERS[type(event)](self, event, now)
        phase = None
        while phase != self.phase:  # a step may lead into the next phase
            phase = self.phase
            self._STEPS[phase](self, now)
        return self.out

    def due(self) -> "Optional[float]":
        """When to be asked again, should nothing happen before."""
        if self.phase == ENDED:
            return None
        times: "List[Optional[float]]" = [self.log.due()]
        if self.phase == STARTING:
            times.append(self.since + slots.HELLO_TIMEOUT)
        if self.phase == WAITING:
            times.append(self.since + self.config.gate_timeout)
        if self.phase in (WAITING, SERVING, LEAVING):
            times += [self.looks.due(), self.log.beat_at]
            times.append(self.slots.at)
        if self.phase == SERVING and not self._working() and not self.looks.under_way:
            times.append(self.since + self.config.idle_timeout)
        return min((time for time in times if time is not None), default=None)

    # -- phases: what is due in each --------------------------------------------------------

    def _enter(self, phase: str, now: float) -> None:
        self.phase, self.since = phase, now

    def _meet(self, now: float) -> None:
        """Wait for the first worker's hello, and say what this place is.

        A node for which no worker is left has nothing to say, and nothing to do.
        """
        hello = self.gate.hello
        if not self.slots.all:
            self._log(actions.Announce(None, None, False))
            self._enter(ANNOUNCING, now)
            return
        if hello is not None:
            probe = self.config.probe or self.gate.guard is None
            self._log(actions.Announce(hello.python, hello.dill, probe))
            self._enter(ANNOUNCING, now)
        elif now >= self.since + slots.HELLO_TIMEOUT:
            text = "the worker's interpreter %s" % NO_HELLO
            self._refuse([["worker", "a running interpreter", text]], now)

    def _announce(self, now: float) -> None:
        """Before anything is claimed it stands in the log: who claims can be found by it."""
        self._write(now)
        if self.log.clean():
            self.log.beat_at = now + HEARTBEAT
            if self.slots.all:
                self._enter(WAITING, now)
            else:
                self._leave("idle", now)

    def _await_guard(self, now: float) -> None:
        """Without a guard of its own, wait for the first bundle: its arrival is the go.

        Not for ever without a sign of the client: an order is one, too, whatever it says.
        """
        if self.gate.guard is not None:
            self._do(actions.Inspect(self.gate.wants_distributions()))
            self._enter(JUDGING, now)
        elif now >= self.since + self.config.gate_timeout:
            self._leave("idle", now)
        else:
            self._keep_up(now)

    def _serve(self, now: float) -> None:
        self._keep_up(now)
        self._dispatch(now)
        self._write(now)
        if self._working():
            self.since = now
        elif now >= self.since + self.config.idle_timeout:
            self._leave_idle(now)

    def _leave_idle(self, now: float) -> None:
        """After a last look."""
        if self.looks.answered >= self.since + self.config.idle_timeout:
            self._leave("idle", now)
        elif not self.looks.under_way:
            self._look(now)

    def _let_go(self, now: float) -> None:
        """Hand back what was not begun; let running tasks end where the time allows it."""
        if self.why in ("signal", "time"):
            if self.queue:
                self._hand_back()
            if self.slots.busy() or self.offers.asked is not None:  # that is handed back, too
                self._keep_up(now)
                return
        for slot in self.slots:
            self._end(slot)
        if self.why != "closed":
            self._record("end", why=self.why)
        self._enter(CLOSING, now)

    def _close(self, now: float) -> None:
        """The last of it is written."""
        self._write(now)
        if self.log.clean():
            self._exit(0, now)

    def _rest(self, now: float) -> None:
        """Wait for an answer, or for nothing any more."""

    # -- what goes on all the time ----------------------------------------------------------

    def _do(self, action: "Action") -> None:
        self.out.append(action)

    def _log(self, action: "Action") -> None:
        """An action after which there is something to write."""
        self._do(action)
        self.log.waiting = True

    def _record(self, kind: str, **fields: "Any") -> None:
        self._log(actions.Record(kind, fields))

    def _keep_up(self, now: float) -> None:
        """Look, write, show life, tell of running tasks, end what takes too long."""
        if self.looks.wanted(now):
            self._look(now)
        if now >= self.slots.at:
            for slot in self.slots:
                if now >= slot.next():
                    self._attend(slot, now)
            self.slots.at = min(slot.next() for slot in self.slots)
        if now >= self.log.beat_at:
            self.log.beat_at = now + HEARTBEAT
            self._do(actions.Beat())
        self._write(now)

    def _attend(self, slot: "Slot", now: float) -> None:
        """Its time has come."""
        slot.held, task = 0.0, slot.task
        if task and not slot.told and now >= slot.began + slots.TELL:
            slot.told = True
            first = slot.first
            self._record("run", t=task.id, a=task.attempt, first=first, slot=slot.rank)
        if now >= slot.next():
            how = events.How(NO_HELLO, outside=True)
            if task:
                how = events.How(OVERLONG % task.walltime, late=True)
            self._on_died(events.Died(slot.rank, how), now)

    def _write(self, now: float) -> None:
        idle = self.phase == CLOSING or not self._working()
        if self.log.wanted(now, idle):
            self.log.begin()
            self._do(actions.Flush())

    def _look(self, now: float) -> None:
        if not self.clock.known:
            self._do(actions.AskTime())
        self.looks.under_way = True
        self._do(actions.Look(self.offers.awaited()))

    def _working(self) -> bool:
        return bool(self.queue) or self.slots.busy() or self.offers.asked is not None

    def _leave(self, why: str, now: float) -> None:
        """Begin to leave; that the run is closed counts even then."""
        if self.phase in (CLOSING, ENDED):
            return
        if self.why is None or why == "closed":
            self.why = why
        if self.phase != LEAVING:
            self.looks.at = now + HEARTBEAT
            self._enter(LEAVING, now)

    def _refuse(self, findings: "List[Finding]", now: float) -> None:
        self._record("refused", findings=findings)
        self._leave("refused", now)

    def _fail(self, error: str, now: float) -> None:
        """No worker can serve."""
        if self.why is None:
            self._record("failed", error=error)
            self._leave("failed", now)

    def _exit(self, code: int, now: float, text: str = "") -> None:
        self._do(actions.Exit(code, text))
        self._enter(ENDED, now)

    # -- tasks ------------------------------------------------------------------------------

    def _dispatch(self, now: float) -> None:
        """Give each free worker a task."""
        while self.phase == SERVING:
            slot = self.slots.free()
            if slot is None:
                return
            if not self.queue:
                self._claim(slot, now)
                return  # the answer is an event
            self._give(slot, now)

    def _fits(self, slot: "Slot", functions: "Iterable[str]", walltime: float, now: float) -> bool:
        """Whether a task may be begun: with nearly all of the time always, else if it will do."""
        left = self.clock.left(now)
        if left is None or (slot.fresh and self.clock.whole(now)):
            return True
        return left - MARGIN >= self.offers.need(functions, walltime)

    def _claim(self, slot: "Slot", now: float) -> None:
        if self.offers.asked is not None:
            return
        choice, refused = self.offers.choose(
            lambda functions, walltime: self._fits(slot, functions, walltime, now)
        )
        if choice is not None:
            self.offers.asked = choice
            self._do(actions.Claim(*choice))
        elif refused and not self.slots.busy():
            self._leave("time", now)

    def _give(self, slot: "Slot", now: float) -> None:
        """The next task, once the process is one for it."""
        task = self.queue.first()
        if not self._fits(slot, [task.function], task.walltime or 0.0, now):
            self._hand_back()
            if not self.slots.busy():
                self._leave("time", now)
        elif not slot.suits(task.modules):
            self._end(slot)  # other modules of the user's: a process that has imported none of them
            self._start(slot, now)
        elif slot.modules is None:
            slot.configure(task.modules)
            self._do(actions.Configure(slot.rank, task.modules))
        else:
            self.queue.tasks.popleft()
            slot.run(task, now, self.clock.whole(now))
            self.slots.timed(slot)
            self._do(actions.Run(slot.rank, task.id, task.attempt))

    def _hand_back(self) -> None:
        """What was claimed and not begun is for another pilot."""
        tasks = self.queue.clear()
        self._record("back", t=[[task.id, task.attempt] for task in tasks])
        self._do(actions.Drop(tuple((task.id, task.attempt) for task in tasks)))

    def _cancel(self, names: "Iterable[str]", now: float) -> None:
        """Tasks that nobody wants; under the pilot's own name, that it is to leave."""
        if self.config.pilot in names:
            self._leave("time", now)
        dropped = self.queue.cancel(names)
        if dropped:
            self._do(actions.Drop(tuple((task.id, task.attempt) for task in dropped)))
        for slot in self.slots:
            if slot.state == slots.BUSY and slot.task and slot.task.id in self.queue.cancelled:
                self._end(slot)
                self._replace(slot, now)

    # -- workers ----------------------------------------------------------------------------

    def _start(self, slot: "Slot", now: float) -> None:
        slot.start(now)
        self.slots.timed(slot)
        self._do(actions.StartWorker(slot.rank))

    def _end(self, slot: "Slot") -> None:
        if slot.state != slots.ENDED:
            slot.end()
            self._do(actions.StopWorker(slot.rank))

    def _replace(self, slot: "Slot", now: float) -> None:
        if self.why is None and not self.gate.broken():
            self._start(slot, now)

    def _unready(self, slot: "Slot", how: "How", now: float) -> None:
        """A process ended before it was ready: from outside that may pass, otherwise it stays so.

        A job that is told to end has its processes ended, too: that is no fault of this place.
        """
        slot.tries += 1
        if how.outside and slot.tries < START_TRIES:
            return
        if self.gate.hello is None:
            self.gate.hello = events.Hello(slot.rank, None, None, "the worker %s" % how.text)
        else:
            self._fail("a worker %s while it started" % how.text, now)

    # -- events -----------------------------------------------------------------------------

    def _on_began(self, event: "Event", now: float) -> None:
        self.since = now
        for slot in self.slots:
            self._start(slot, now)

    def _on_tick(self, event: "Event", now: float) -> None:
        """What is due is done in any case."""

    def _on_signalled(self, event: "Event", now: float) -> None:
        """What runs may go on a while; that is written at once, whatever becomes of it."""
        if self.slots.busy():
            self._record("told")
            self.log.at = now
        self._leave("signal", now)

    def _on_hello(self, event: "events.Hello", now: float) -> None:
        self.slots[event.rank].state = slots.IDLE
        if self.gate.hello is None:
            self.gate.hello = event
        elif event.error and not self.gate.broken():
            self._fail("a worker cannot serve: %s" % event.error, now)
        elif self.phase == SERVING and self.gate.later(event):
            self._refuse(self.gate.later(event), now)

    def _on_ready(self, event: "events.Ready", now: float) -> None:
        self.slots[event.rank].ready()
        if event.error:
            self._fail(event.error, now)

    def _on_not_configured(self, event: "events.NotConfigured", now: float) -> None:
        slot = self.slots[event.rank]
        failed = slot.not_configured(now)
        self.slots.timed(slot)
        if failed:
            self._fail("what the tasks need cannot be read: %s" % event.error, now)

    def _on_drifted(self, event: "events.Drifted", now: float) -> None:
        """Another process runs the task, if it has what it relies on; others may lack it, too."""
        slot, name = self.slots[event.rank], (event.task, event.attempt)
        task = slot.task
        if task is None or (task.id, task.attempt) != name:
            return  # it was cancelled meanwhile
        slot.not_run()
        self.queue.tasks.appendleft(task)
        if event.changed:
            self.slots.outdated()
        back = self.queue.take_out(event.drifted)
        if back:
            self._do(actions.Drop(back))
            self._record("drift", t=back, found=event.found)

    def _on_finished(self, event: "events.Finished", now: float) -> None:
        slot, most = self.slots[event.rank], self.config.max_tasks_per_child
        task = slot.task
        assert task is not None
        self.offers.ran(task.function, now - slot.began)
        slot.finish(event.stale or (most is not None and slot.served >= most))
        self._do(actions.Keep(slot.rank, task.id, task.attempt))

    def _on_kept(self, event: "events.Kept", now: float) -> None:
        self.log.waiting = True
        if self.slots[event.rank].task is not None:
            self.slots[event.rank].kept()

    def _on_not_kept(self, event: "events.NotKept", now: float) -> None:
        """The run directory does not take what the task gave back: the task ends with that."""
        slot = self.slots[event.rank]
        task = slot.task
        if task is None:
            return  # its process was ended meanwhile: nobody waits for the task
        text = "ran the task, but cannot keep its %d bytes: %s"
        self._record(
            "died",
            t=task.id,
            a=task.attempt,
            first=slot.first,
            left=self.clock.left(now),
            how=dict(events.How(text % event[1:3])._asdict()),
            n=[0, 0, 0],
            b=event.began,
            w=slot.rank,
            **record.inline(b""),
        )
        slot.kept()

    def _on_died(self, event: "events.Died", now: float) -> None:
        """A worker has ended by itself: say how, and start another."""
        slot, how = self.slots[event.rank], event.how
        task, state = slot.task, slot.state
        if state == slots.BUSY and task is not None:
            left, first = self.clock.left(now), slot.first
            self._log(actions.KeepDeath(slot.rank, task.id, task.attempt, first, left, how))
        self._end(slot)
        if state in (slots.STARTING, slots.CONFIGURING):
            self._unready(slot, how, now)
        self._replace(slot, now)

    def _on_looked(self, event: "events.Looked", now: float) -> None:
        for head in event.heads:
            if self.offers.add(head) and self.gate.guard is None:
                self.gate.guard = head.guard
        self.offers.found(event.values)
        self.looks.missing(False, now)
        self._cancel(event.cancelled, now)
        self._looked(bool(event.heads or event.cancelled or event.values), now)
        if event.closed:
            self._leave("closed", now)

    def _on_look_failed(self, event: "events.LookFailed", now: float) -> None:
        """Tried again, but for a folder that is gone: then nobody is waiting any more."""
        self._looked(False, now)
        if self._is_gone(event.gone, now):
            self._leave("closed", now)

    def _is_gone(self, gone: bool, now: float) -> bool:
        """Whether the run is over; while tasks run, that is not believed at once."""
        seconds = self.looks.missing(gone, now)
        return gone and (seconds >= GONE or not self._working())

    def _looked(self, news: bool, now: float) -> None:
        self.offers.held = False
        if self.phase == WAITING:
            if news:
                self.since = now
            self.looks.done(now, now < self.since + PROMPT, LONGEST_LOOK)
        elif self.phase == SERVING:
            self.looks.done(now, news, LONGEST_LOOK)
        else:
            self.looks.done(now, False, HEARTBEAT)

    def _on_claimed(self, event: "events.Claimed", now: float) -> None:
        self.offers.answered()
        dropped = self.queue.add(event.tasks)
        if dropped:
            self._do(actions.Drop(tuple((task.id, task.attempt) for task in dropped)))
        if event.changed:
            self.slots.outdated()
        if event.drifted:
            self._record("drift", t=event.drifted, found=event.found)

    def _on_lost(self, event: "Event", now: float) -> None:
        self.offers.answered()

    def _on_claim_failed(self, event: "Event", now: float) -> None:
        self.offers.unanswered()

    def _on_time_left(self, event: "events.TimeLeft", now: float) -> None:
        self.clock.tell(event.known, event.seconds, now)

    def _on_found(self, event: "events.Found", now: float) -> None:
        if self.phase != JUDGING:
            return
        findings = self.gate.findings(event.place)
        if findings:
            self._refuse(findings, now)
        else:
            self._enter(SERVING, now)

    def _on_flushed(self, event: "Event", now: float) -> None:
        """What was written may be a value that is waited for."""
        self.log.done(now)
        if self.offers.waiting:
            self.looks.at = now

    def _on_flush_failed(self, event: "events.FlushFailed", now: float) -> None:
        if self._is_gone(event.gone, now):
            self.log.give_up()
            self._leave("closed", now)
        elif event.full:
            self._exit(DISK_FULL, now)
        elif self.log.failed(now):
            self._exit(1, now, "the log cannot be written: %s" % event.error)

    _HANDLERS: ClassVar["Dict[Type[Any], Callable[[AgentCore, Any, float], None]]"] = {
        events.Began: _on_began,
        events.Tick: _on_tick,
        events.Signalled: _on_signalled,
        events.Hello: _on_hello,
        events.Ready: _on_ready,
        events.NotConfigured: _on_not_configured,
        events.Drifted: _on_drifted,
        events.Finished: _on_finished,
        events.Died: _on_died,
        events.Kept: _on_kept,
        events.NotKept: _on_not_kept,
        events.Looked: _on_looked,
        events.LookFailed: _on_look_failed,
        events.Claimed: _on_claimed,
        events.Lost: _on_lost,
        events.ClaimFailed: _on_claim_failed,
        events.TimeLeft: _on_time_left,
        events.Found: _on_found,
        events.Flushed: _on_flushed,
        events.FlushFailed: _on_flush_failed,
    }
    _STEPS: ClassVar["Dict[str, Callable[[AgentCore, float], None]]"] = {
        STARTING: _meet,
        ANNOUNCING: _announce,
        WAITING: _await_guard,
        JUDGING: _rest,
        SERVING: _serve,
        LEAVING: _let_go,
        CLOSING: _close,
        ENDED: _rest,
    }
