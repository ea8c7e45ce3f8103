"""One run: its mailbox, its core and its driver put together. Any thread may use it."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import threading
import time
from collections.abc import Iterable
from functools import partial

from .. import spoken
from ..errors import FcxError, NoSuchPath, StateError, UsageError
from ..firecrest.client import Client
from ..firecrest.loop import NO_LATE_THREADS, LoopThread
from ..parity.gate import Gate
from ..state.memory import Memory
from ..state.presence import Presence
from . import experience
from .completion import Completion
from .core import Core
from .core.events import AnyEvent, Attached, Began, Broke, Recalled, Shaped, TaskInfo, Trouble
from .core.fleet import Pilot
from .driver import Driver
from .effects.context import Context, Identity, Place
from .effects.errands import record_of
from .effects.written import Written
from .forks import FOREIGN, left_in_children
from .home import Home
from .kits import Kit, Kits
from .leaving import leaving
from .mailbox import Mailbox, NewTask
from .parting import SILENCE, parted
from .performer import Performer
from .recorder import Recorder
from .scripts import Scripts
from .settings import RunSettings
from .shown import Shown
from .store import RequirementSets, Store
from .weight import weigh

Told = Shaped | Broke | Recalled
DOOR_PATIENCE = 15.0  # seconds for which the door itself repeats a request; then the core decides


def make_context(
    settings: RunSettings, gate: Gate, identity: Identity, memory: Memory, directory: str = ""
) -> Context:
    """What the effects of one run work with. ``directory``: where it is known already."""
    credentials = settings.credentials
    client = Client(credentials, DOOR_PATIENCE, settings.logger)
    home = Home(client, credentials, settings.table.working_dir, memory)
    scripts, place = Scripts(settings, identity.id, identity.key), Place(directory)
    return Context(
        settings,
        identity,
        place,
        client,
        home,
        gate,
        memory,
        scripts,
        Kits(Kit(0, settings, gate, scripts), memory, identity, place),
        Store(),
        RequirementSets(),
        Presence(identity.id),
    )


class Run:
    """The life of one executor on the cluster."""

    def __init__(self, context: Context) -> None:
        settings = context.settings
        self.context = context
        limits = context.kits.limits(context.kits[0])
        left_in_children(context.presence)
        self.recorder = Recorder(limits)
        self.mailbox = Mailbox(self._wake, self._over)
        self._completion = Completion(self._settled)
        self._performer = Performer(context, self.mailbox, self._completion)
        left_in_children(self._performer.usage.sharing)
        core, requests = Core(limits), context.client.requests
        self._driver = Driver(core, self.mailbox, self._performer, self.recorder)
        self.shown = Shown(context.identity.name, self.mailbox, core.fleet, lambda: requests.made)
        self._begin_lock = threading.Lock()
        self._begun = False
        self._aborted = self._given_up = False
        self._shaped: dict[int, Kit] = {}  # that the core has been told of
        self._ready: dict[int, Kit] = {}  # with which tasks may be submitted
        self._earlier: Attached | None = None  # what this run goes on with
        self._started = 0.0
        if settings.table.parity == "off":
            settings.logger.warning(
                "parity off: whatever Python and packages are on the cluster will be used"
            )

    @property
    def id(self) -> str:
        """Its name."""
        return self.context.identity.id

    @property
    def name(self) -> str:
        """The name of its directory: the user's, or else its id."""
        return self.context.identity.directory

    @property
    def directory(self) -> str:
        """The run directory; empty while it is not known."""
        return self.context.place.directory

    @property
    def key(self) -> str:
        """That from which all others derive, in hex."""
        return self.context.identity.key.hex()

    @property
    def pilots(self) -> list[Pilot]:
        """All pilots that there were, the first first; to be looked at only."""
        return list(self._driver.core.fleet.pilots)

    def described(self, *, shut: bool) -> str:
        """In a few words: where it runs, what it is called, how it is."""
        settings = self.context.settings
        place = self.directory or f"{settings.table.working_dir} on {settings.credentials.system}"
        state = self.state(shut=shut)
        return f"{self.name} in {place}: {state}, {self.mailbox.pending} task(s) pending"

    def state(self, *, shut: bool) -> str:
        """In a word or two."""
        return "broken" if self.broken else "shut down" if shut else "open"

    @property
    def sent(self) -> bool:
        """Whether this process may end: all tasks are on the cluster, and the jobs are recorded.

        Where it may, what is to be reported of the run is written, too.
        """
        core, journal = self._driver.core, self.context.memory.journal
        if self.mailbox.pending > len(core.tasks.unfinished) or not core.sent:
            return False
        pilots = journal.pilots(self.id)
        if not pilots or not all(job for _, job in pilots):
            return False
        LoopThread.shared().run(self._performer.ledger.flush())
        return True

    @property
    def inherited(self) -> bool:
        """Whether this process was forked from the one whose run it is."""
        return self.mailbox.left

    def refuse_if_inherited(self) -> None:
        """Raise UsageError in a forked child."""
        if self.mailbox.left:
            raise UsageError(FOREIGN.format(what="executor"))

    @property
    def finished(self) -> threading.Event:
        """Set once it is over and the cluster is tidied up."""
        return self.mailbox.finished

    @property
    def broken(self) -> BaseException | None:
        """Why it takes no more tasks."""
        return self.mailbox.broken

    def broken_for(self, shape: int) -> BaseException | None:
        """Why it takes no more tasks of this shape."""
        return self.mailbox.broken or self.mailbox.broken_shapes.get(shape)

    def submit(self, task: NewTask) -> bool:
        """Take a task in, once ``begin`` was called for its shape.

        False: what it takes has ended meanwhile.
        """
        return self.mailbox.submit(task)

    def begin(self, kit: Kit) -> None:
        """Recall what is known of the remote side, in the caller's thread, and begin."""
        self.refuse_if_inherited()
        if self._ready.get(kit.shape) is kit:
            return
        with self._begin_lock:
            self._begin(kit)
        self._ready[kit.shape] = kit

    def _begin(self, kit: Kit) -> None:
        if self.finished.is_set():
            return  # shut down meanwhile, in another thread
        leaving.waits_for(self)
        if self._begun:
            self.mailbox.tell(*self._shapes(kit))
            return
        earlier: list[AnyEvent] = [self._earlier] if self._earlier else []
        shapes = [event for each in self.context.kits for event in self._again(each)]
        told = self._own(kit) if kit.shape == 0 else self._shapes(kit)
        events = [self._began(), *shapes, *told, *earlier]
        self._begun = True
        self._join()
        self._early_threads()
        self._show()
        if earlier:
            self._goes_on(len(self._earlier.tasks) if self._earlier else 0)
        self._driver.begin(*events)

    def _recalled(self, kit: Kit) -> list[Told]:
        """What is known of its place counts from now on; what that breaks."""
        try:
            kit.gate.recall()
        except Exception as error:  # noqa: BLE001 - it belongs to the futures, whatever it is
            ref = self.context.store.errors.keep(error)
            return [Broke(Trouble(type(error).__name__, str(error), ref), kit.shape)]
        return [*experience.recall(self.context.memory, kit)]

    def _own(self, kit: Kit) -> list[Told]:
        """The executor's own shape needs no word: a run begins with it."""
        self._shaped[kit.shape] = kit
        return self._recalled(kit)

    def _again(self, kit: Kit) -> list[Told]:
        """A shape that an earlier process has recorded: its pilots and tasks may be about."""
        return [self._told_of(kit)] if kit.again else []

    def _shapes(self, kit: Kit) -> list[Told]:
        """What the core is to be told of a shape that is used now."""
        if self._shaped.get(kit.shape) is kit:
            return []
        recalled = self._recalled(kit)
        return [self._told_of(kit), *recalled]

    def _told_of(self, kit: Kit) -> Shaped:
        self._shaped[kit.shape] = kit
        return self.context.kits.shaped(kit)

    def _join(self) -> None:
        """Be seen by other processes of this machine, and know what they have found."""
        self.context.presence.hold()
        self._performer.usage.recall()

    def _early_threads(self) -> None:
        if NO_LATE_THREADS:
            self._completion.prepare()

    def _show(self) -> None:
        settings = self.context.settings
        self.shown.begin(settings.table.progress, settings.logger)

    def _over(self) -> None:
        leaving.over(self)
        self.shown.over()

    def wait(self) -> None:
        """Until it is over, and nothing of it is shown any more.

        One that was cancelled is left as it is where the cluster does not answer for long.
        """
        requests = self.context.client.requests
        if not self._aborted:
            self.finished.wait()
        elif not self._given_up and not parted(self.finished, lambda: requests.answered):
            self._give_up()
        self.shown.end()

    def _give_up(self) -> None:
        self._given_up = True
        leaving.over(self)
        self.context.settings.logger.error(
            f"The cluster has not answered for {SILENCE:.0f} s, so run {self.id} is left as it is, "
            f"and its jobs may go on: `fcx runs cancel {self.id}` ends them once it answers."
        )

    def _goes_on(self, tasks: int) -> None:
        """Remember that it is open again, and say with what."""
        context = self.context
        record = record_of(context, self._started)
        with contextlib.suppress(StateError):  # said already
            context.memory.record(partial(context.memory.journal.open_run, record))
        said = f"Run {self.name} goes on: {tasks} task(s) of earlier starts"
        if self._started:  # else another machine began it
            said += f", the first of them {spoken.ago(time.time() - self._started)}"
        asyncio.run_coroutine_threadsafe(self._say_size(said), LoopThread.shared().loop)

    async def _say_size(self, said: str) -> None:
        context = self.context
        with contextlib.suppress(FcxError):
            size = await weigh(context.client.files, context.place.directory)
            said = f"{said}; {spoken.size(size)} in {context.place.directory}"
        context.settings.logger.info(said)

    def attach(self, event: Attached) -> None:
        """Take over what another process began."""
        with self._begin_lock:
            self._begun = True
        self._join()
        self._early_threads()
        self._show()
        self._performer.expect_pilots(name for name, _ in event.pilots)
        shapes = [event for kit in self.context.kits for event in self._again(kit)]
        self._driver.begin(self._began(), *shapes, event)

    def resume(self, event: Attached, started: float) -> None:
        """Go on with what another process began then, once this one submits something."""
        self._performer.expect_pilots(name for name, _ in event.pilots)
        self._earlier = event
        self._started = started

    def _began(self) -> AnyEvent:
        return Began(secrets.randbits(63), self.context.gate.open)

    def _wake(self) -> None:
        self._driver.wake()

    def _settled(self, tasks: tuple[str, ...], kept: bool) -> None:
        self._driver.settled(tasks, kept)

    def close(self, *, abort: bool) -> None:
        """No more tasks. ``abort``: end the pilots now; otherwise when all tasks are settled."""
        if self.inherited or self.finished.is_set():
            return  # it is the parent's, whose threads may have held the lock; or over
        self._aborted = self._aborted or abort
        with self._begin_lock:
            begun = self._begun
            self._begun = True
        if begun:
            self.mailbox.close(abort=abort)
        else:
            self.finished.set()

    def let_go(self) -> None:
        """Nobody has the executor any more: no more tasks come, and those that there are go on.

        Garbage is collected in any thread, whatever lock that holds: the loop does what takes one.
        """
        if self._begun:
            LoopThread.soon(partial(self.close, abort=False))

    def end(self, *, abort: bool) -> None:
        """The script is at its end: wait until all is settled and the cluster tidied up."""
        if abort and not self.finished.is_set():
            self.context.settings.logger.warning("Tasks and jobs are cancelled")
        self.close(abort=abort)
        self.wait()

    def cancel_pending(self) -> None:
        """Cancel every task that is not known to run."""
        self.mailbox.cancel_pending()

    def cancel_task(self, task: str) -> None:
        """The future was cancelled: forget the task, here and on the cluster."""
        self.mailbox.cancel(task)

    def hand_on(self, task: str) -> None:
        """The caller does not want its value himself."""
        self.mailbox.hand_on(task)

    def live_output(self, task: str, stream: int, start: int = 0) -> bytes:
        """What a running task has written so far; waits for the cluster's answer."""
        return LoopThread.shared().run(self._driver.live_output(task, stream, start))

    def written(self, task: str, stream: int, before: Written | None) -> Written | None:
        """What a running task has written since then; waits for the cluster's answer."""
        return LoopThread.shared().run(self._driver.written(task, stream, before))

    def take_over(self) -> int:
        """Become the client that the run belongs to: which one of those that it had."""
        try:
            return LoopThread.shared().run(self._performer.ownership.take())
        except NoSuchPath:
            return 2  # without a directory there is nothing to fight for

    def shapes(self, pilots: Iterable[str]) -> dict[str, int]:
        """Of pilots that have begun, where that is not the executor's own."""
        return LoopThread.shared().run(self._performer.sent.shapes(list(pilots)))

    def look(self) -> tuple[list[tuple[TaskInfo, int]], list[tuple[str, str]]]:
        """What another process has sent, with attempts, and its pilots that have begun.

        Raises UsageError where the key is not that of the run.
        """
        return LoopThread.shared().run(self._look())

    async def _look(self) -> tuple[list[tuple[TaskInfo, int]], list[tuple[str, str]]]:
        sent = self._performer.sent
        return await sent.tasks(), await sent.pilots()
