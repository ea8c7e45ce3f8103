"""The driver: feeds the core with events, and has its actions performed. It decides nothing.

::

    mailbox ─ letters ─┐                          ┌─ notes: log, futures, completion
                       ├─> Core.handle ─ actions ─┤
    effects ─ answers ─┘                          └─ errands and requests: effects, as tasks

All of it happens in the thread of one event loop, which never runs users' code. An action that
fails is an event like any other.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable

from ..errors import FcxError, JobRefused, NoSuchPath, SubmitLimit, Unreachable
from ..firecrest.loop import LoopThread
from .core import Core
from .core.actions import Action, Answered, Finish, JudgeRequirements, Note
from .core.events import AnyEvent, Failed, Settled, Ticked, Trouble
from .effects.errands import JournalLost
from .effects.written import Written
from .gathered import Gathered, Paced
from .mailbox import Mailbox, events_of
from .performer import Performer
from .recorder import Recorder, keep

RELIEF = 0.25  # seconds between looks at whether an outcome holds up the others


class Driver:
    """The shell around one core."""

    def __init__(
        self, core: Core, mailbox: Mailbox, performer: Performer, recorder: Recorder
    ) -> None:
        self.core = core
        self.mailbox = mailbox
        self.performer = performer
        self.recorder = recorder
        self._events: deque[AnyEvent] = deque()
        self._settled = Gathered[Settled]()  # put in by the completion's threads
        self._letters = Paced(self._collect)
        self._endings = Paced(self._feed_settled)
        self._busy = False  # the core is being fed: what comes meanwhile is fed afterwards
        self._timer: asyncio.TimerHandle | None = None
        self._relief: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()  # the loop itself keeps no hold of them

    # -- from any thread --------------------------------------------------------------------

    def begin(self, *events: AnyEvent) -> None:
        """The run begins, with these events."""
        LoopThread.shared().loop.call_soon_threadsafe(self._feed, *events)

    def wake(self) -> None:
        """There are letters."""
        LoopThread.shared().loop.call_soon_threadsafe(self._letters.ask)

    def settled(self, tasks: tuple[str, ...], kept: bool) -> None:
        """The caller has outcomes."""
        if self.mailbox.left:
            return  # a callback has forked, and returns in the child
        self.mailbox.settled(tasks)
        if self._settled.put(Settled(tasks, kept)):  # those that follow are fed with it
            LoopThread.shared().loop.call_soon_threadsafe(self._endings.ask)

    # -- in the loop ------------------------------------------------------------------------

    def _collect(self) -> None:
        events = []
        for event, tasks in events_of(self.mailbox.take()):
            self.performer.take_in(tasks)
            events.append(event)
        self._feed(*events)

    def _feed_settled(self) -> None:
        """After the letters: who takes the value of a task is to be known before that is let go."""
        events = self._settled.take()
        self._collect()
        if events:
            tasks = tuple([task for event in events for task in event.tasks])
            self._feed(Settled(tasks, any(event.kept for event in events)))
            self.performer.settled(tasks)

    def _feed(self, *events: AnyEvent) -> None:
        """Tell the core, and do what it says; its errands may have answers at once."""
        self._events.extend(events)
        if self._busy:
            return
        allowed = self.performer.usage.news()
        if allowed is not None:
            self._events.append(allowed)
        self._busy = True
        try:
            while self._events:
                self._handle(self._events.popleft())
        finally:
            self._busy = False
        self._set_timer()

    def _handle(self, event: AnyEvent) -> None:
        now = asyncio.get_running_loop().time()
        self.recorder.note(now, event)
        self.performer.ledger.event(event)
        for action in self.core.handle(event, now):
            self._do(action)
        self.performer.deliver()
        self._watch_completion()

    def _do(self, action: Action) -> None:
        if isinstance(action, Finish):
            self._spawn(self._finish())
        elif isinstance(action, Note):
            self.performer.note(action)
        elif isinstance(action, JudgeRequirements):
            self._events.append(self.performer.judge_requirements(action))
        else:
            assert isinstance(action, Answered)
            self._spawn(self._perform(action))

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _perform(self, action: Answered) -> None:
        try:
            answer: AnyEvent = await self.performer.perform(action)
        except Exception as error:  # noqa: BLE001 - whatever it is, the core must hear of it
            answer = self._failure(action, error)
        self._feed(answer)

    def _failure(self, action: Answered, error: Exception) -> Failed:
        kind = next((kind for of, kind in KINDS if isinstance(error, of)), "bug")
        if kind == "bug":
            self.performer.log.error("fcx failed", exc_info=error)
        trouble = Trouble(type(error).__name__, str(error), self.performer.keep_error(error))
        after = error.after if isinstance(error, Unreachable) else 0.0
        return Failed(action.id, kind, trouble, after)

    # -- time -------------------------------------------------------------------------------

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self.core.due()
        if due is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(max(due, loop.time() + 0.001), self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._feed(Ticked())

    def _watch_completion(self) -> None:
        if self._relief is None and self.performer.completion.busy:
            loop = asyncio.get_running_loop()
            self._relief = loop.call_later(RELIEF, self._relieve)

    def _relieve(self) -> None:
        self._relief = None
        self.performer.completion.relieve()
        self._watch_completion()

    # -- the end ----------------------------------------------------------------------------

    async def _finish(self) -> None:
        try:
            if self.mailbox.broken is not None:
                await self._keep_trace()
            await self.performer.close()
        finally:
            self.mailbox.finish()

    async def _keep_trace(self) -> None:
        """So that the trouble can be replayed."""
        try:
            path = await asyncio.to_thread(keep, self.recorder.pack(), self.recorder.run)
        except (OSError, FcxError) as error:
            self.performer.log.info(f"The run's trace could not be kept: {error}")
        else:
            self.performer.log.info(f"The run's trace is kept in {path}: a report needs it")

    async def live_output(self, task: str, stream: int, start: int) -> bytes:
        """What a running task has written so far."""
        running = self.core.running(task)
        if running is None:
            return b""
        return await self.performer.output.so_far(running.cursor.name, running.slot, stream, start)

    async def written(self, task: str, stream: int, before: Written | None) -> Written | None:
        """What it has written since; None while it is not known to run, or how it has ended."""
        running = self.core.running(task)
        if running is None:
            return None
        found = await self.performer.output.more(running, stream, before)
        still = self.core.running(task)
        if still is None or (still.slot, still.attempt) != (running.slot, running.attempt):
            return None
        return found


KINDS: tuple[tuple[type[Exception], str], ...] = (
    (Unreachable, "passing"),
    (NoSuchPath, "missing"),
    (SubmitLimit, "limit"),
    (JobRefused, "job"),
    (JournalLost, "journal"),
    (FcxError, "refused"),
)
"""What a failure means for the core; anything else is an error of ours."""
