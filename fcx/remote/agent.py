"""The agent: one per node of a pilot. It moves bytes between the run directory and its workers.

``agent RUN CONFIG``: RUN is the run directory, CONFIG the pilot's JSON file. This is the shell: it
performs what the core (``core.py``) decides, and tells it what happens. It never unpickles: only
workers do.
"""

import errno
import os
import selectors
import signal
import sys
import time
from collections import deque
from typing import ClassVar

from ..protocol import frames, names
from ..protocol.config import Config
from ..protocol.names import DISK_FULL, NOT_OURS, Incarnation
from . import actions, events, place
from .clock import Clock
from .core import AgentCore
from .folders import is_ours
from .inbox import Inbox
from .installed import Installed
from .log import Log
from .pool import Pool
from .supplies import Supplies
from .values import Values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Deque, Dict, MutableMapping, Optional, Sequence, Tuple, Type

    from ..protocol.bundle import Relied
    from ..protocol.frames import Frame
    from .events import Event
    from .pool import Process

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
ECHO = 1 << 20  # bytes of a task's output that also go where the job's output goes
ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


class Wakeup:
    """Signals, and the ends of children, as something that a selector waits for."""

    def __init__(self) -> None:
        self.signalled = False
        self.fd, woken = os.pipe()
        os.set_blocking(self.fd, False)
        os.set_blocking(woken, False)
        signal.set_wakeup_fd(woken)
        for number in ENDING:
            signal.signal(number, self._signalled)
        signal.signal(signal.SIGCHLD, self._child)

    def _signalled(self, number: int, frame: "Any") -> None:
        self.signalled = True

    def _child(self, number: int, frame: "Any") -> None:
        """The descriptor says that one has ended; the loop looks which."""

    def drain(self) -> None:
        """Take note of all that came."""
        try:
            while os.read(self.fd, 512):
                pass
        except BlockingIOError:
            pass


class Agent:
    """Performs actions, feeds events."""

    def __init__(self, run: str, config: Config, me: Incarnation, umask: int) -> None:
        self.config, self.umask = config, umask
        workers = config.workers_on(me.node)
        self.core = AgentCore(config, workers)
        self.pool = Pool(run, me, workers)
        self.inbox = Inbox(run, str(me), config.pilot, config.inbox_key, config.shape)
        self.log = Log(run, me, config.pilot_key)
        left = names.time_left(me.job, incarnation().restart)
        self.clock = Clock(os.path.join(run, "locks", left))
        self.supplies = Supplies(run, str(me))
        self.values = Values(run)
        self.installed = Installed()
        # Claimed, not begun: with what each relies on.
        self.payloads: "Dict[Tuple[str, int], Tuple[bytes, Relied]]" = {}
        self.events: "Deque[Event]" = deque()
        self.selector = selectors.DefaultSelector()
        self.code: "Optional[int]" = None

    def serve(self) -> int:
        """Until the core has had enough; the exit code."""
        wakeup = Wakeup()
        self.selector.register(wakeup.fd, selectors.EVENT_READ, None)
        self._feed(events.Began())
        while self.code is None:
            due = self.core.due()
            timeout = None if due is None else max(0.0, due - time.monotonic())
            ready = [key.data for key, _ in self.selector.select(timeout)]
            ended = None in ready
            if ended:
                wakeup.drain()
                ready = list(self.pool.processes)  # one of them may have ended
            if wakeup.signalled:
                wakeup.signalled = False
                self._feed(events.Signalled())
            for rank in ready:
                self._hear(rank, ended)
            self._see_off()
            self._feed(events.Tick())
        while self.pool.parting:
            time.sleep(0.01)
            self._see_off()
        return self.code

    def _feed(self, event: "Event") -> None:
        """One event, and what follows from it."""
        self.events.append(event)
        while self.events and self.code is None:
            for action in self.core.handle(self.events.popleft(), time.monotonic()):
                self._PERFORM[type(action)](self, action)

    # -- workers ----------------------------------------------------------------------------

    def _hear(self, rank: int, ended: bool) -> None:
        """What a worker has said, and whether it has ended; each event may end it, too."""
        process = self.pool.processes.get(rank)
        if process is None:
            return
        dead = ended and process.dead()  # asked first: what it said before is in the pipe by now
        try:
            said = process.receive()
        except ValueError as error:  # a task, or what it has forked, wrote into the pipe
            how = events.How("wrote %s to the agent, and was ended" % error)
            self._feed(events.Died(rank, how))
            return
        for frame in said:
            if self.pool.processes.get(rank) is process:
                self._heard(rank, process, frame)
        if dead and self.pool.processes.get(rank) is process:
            self._feed(events.Died(rank, process.how()))

    def _heard(self, rank: int, process: "Process", frame: "Frame") -> None:
        meta = frame.meta
        if frame.kind == frames.HELLO:
            hello = events.Hello(rank, meta["python"], meta.get("dill"), meta.get("error", ""))
            self._feed(hello)
        elif frame.kind == frames.READY:
            self._feed(events.Ready(rank, meta.get("error", "")))
        elif frame.kind == frames.DONE:
            process.outcome = frame
            self._feed(events.Finished(rank, meta.pop("stale", False)))

    def _start_worker(self, action: actions.StartWorker) -> None:
        """Once the process before it has ended, and with it what that had of memory and GPUs."""
        if action.rank in self.pool.parting:
            self.pool.parting[action.rank].followed = True
            return
        try:
            process = self.pool.start(action.rank)
        except OSError as error:
            how = events.How("could not be started: %s" % error, outside=True)
            self.events.append(events.Died(action.rank, how))
        else:
            self.selector.register(process.read_fd, selectors.EVENT_READ, action.rank)

    def _stop_worker(self, action: actions.StopWorker) -> None:
        process = self.pool.processes.pop(action.rank, None)
        if action.rank in self.pool.parting:
            self.pool.parting[action.rank].followed = False
        elif process is not None:
            self.selector.unregister(process.read_fd)
            if process.part():
                self.pool.parting[action.rank] = process
            else:
                process.end()

    def _see_off(self) -> None:
        """Let go of those that have ended by themselves, and begin what waits for their places."""
        for rank, process in list(self.pool.parting.items()):
            if process.dead() or time.monotonic() >= process.until:
                self.pool.parting.pop(rank).end()
                if process.followed:
                    self._start_worker(actions.StartWorker(rank))

    def _configure(self, action: actions.Configure) -> None:
        process = self.pool.processes.get(action.rank)
        try:
            paths = [self.supplies.module(name) for name in action.modules]
            initializer = self.supplies.initializer()
        except (OSError, ValueError) as error:
            self.events.append(events.NotConfigured(action.rank, str(error)))
            return
        assert process is not None
        meta = {"paths": paths, "umask": self.umask, "cpus": process.share.cpus}
        process.send(frames.CONFIGURE, meta, initializer)

    def _run(self, action: actions.Run) -> None:
        process, installed = self.pool.processes.get(action.rank), self.installed
        task = action.task, action.attempt
        payload, relied = self.payloads[task]
        changed = bool(relied) and installed.look([relied])
        if changed or installed.lacks(relied):
            held = self.payloads.items()
            drifted = tuple(name for name, (_, each) in held if installed.lacks(each))
            self.events.append(events.Drifted(*action, changed, drifted, installed.versions))
            return
        del self.payloads[task]
        assert process is not None
        process.began = time.time()
        process.send(frames.TASK, {"t": action.task, "a": action.attempt}, payload)

    def _drop(self, action: actions.Drop) -> None:
        for task in action.tasks:
            self.payloads.pop(task, None)

    # -- outcomes ---------------------------------------------------------------------------

    def _keep(self, action: actions.Keep) -> None:
        process = self.pool.processes.get(action.rank)
        assert process is not None
        assert process.outcome is not None
        (_, meta, data), process.outcome = process.outcome, None
        self._echo(data, meta["n"])
        try:
            fields = self.log.store(action.task, action.attempt, data)
        except OSError as error:
            self.events.append(events.NotKept(action.rank, len(data), str(error), process.began))
            return
        told = {name: meta[name] for name in ("o", "s", "n")}
        told.update(b=round(process.began, 3), w=action.rank)
        self.log.add("done", t=action.task, a=action.attempt, **told, **fields)
        self.events.append(events.Kept(action.rank))

    @staticmethod
    def _echo(data: bytes, lengths: "Sequence[int]") -> None:
        """What a task printed also goes where the job's output goes, as it always did."""
        result, out, _ = lengths
        for fd, text in (1, data[result : result + out]), (2, data[result + out :]):
            if text:
                try:
                    os.write(fd, text[:ECHO])
                except OSError:
                    pass  # a full disk must not cost the result

    def _keep_death(self, action: actions.KeepDeath) -> None:
        process = self.pool.processes.get(action.rank)
        out, err = process.output() if process else (b"", b"")
        try:
            fields = self.log.store(action.task, action.attempt, out + err)
        except OSError:  # that it died counts for more than what it wrote
            out, err = b"", b""
            fields = self.log.store(action.task, action.attempt, b"")
        self.log.add(
            "died",
            t=action.task,
            a=action.attempt,
            first=action.first,
            left=action.left,
            how=dict(action.how._asdict()),
            n=[0, len(out), len(err)],
            b=round(process.began, 3) if process else 0,
            w=action.rank,
            at=now(),
            **fields,
        )

    # -- log --------------------------------------------------------------------------------

    def _announce(self, action: actions.Announce) -> None:
        told = place.announced(self.config.edf, action.probe, self.config.look)
        told.update(pilot=self.config.pilot, left=self.clock.left(), at=now())
        told.update(workers=len(self.pool.shares))
        self.log.add("up", python=action.python, dill=action.dill, **told)

    def _record(self, action: actions.Record) -> None:
        self.log.add(action.kind, at=now(), **action.fields)

    def _flush(self, action: actions.Flush) -> None:
        try:
            self.log.flush()
        except OSError as error:
            full = error.errno in NO_ROOM
            self.events.append(events.FlushFailed(self.log.gone(), full, str(error)))
        else:
            self.events.append(events.Flushed())

    def _beat(self, action: actions.Beat) -> None:
        try:
            self.log.beat()
        except OSError:
            pass  # the next one may succeed

    # -- inbox ------------------------------------------------------------------------------

    def _ask_time(self, action: actions.AskTime) -> None:
        left = self.clock.left()
        self.events.append(events.TimeLeft(self.clock.known, left))

    def _look(self, action: actions.Look) -> None:
        try:
            values = self.values.found(action.values)  # first: the inbox tells of what is new once
            heads, cancelled, closed = self.inbox.look()
        except OSError:
            self.events.append(events.LookFailed(self.inbox.gone()))
        else:
            self.events.append(events.Looked(tuple(heads), tuple(cancelled), closed, values))

    def _claim(self, action: actions.Claim) -> None:
        sets = self.inbox.relied(action.bundle)
        try:
            items = self.inbox.claim(action.bundle, action.portion)
        except OSError:
            self.events.append(events.ClaimFailed())
            return
        except ValueError as error:  # it is ours now: only with this agent's end it is another's
            text = "bundle %s: %s\n" % (action.bundle, error)
            self.log.note_exit(text)
            self._exit(actions.Exit(1, text))
            return
        if items is None:
            self.events.append(events.Lost())
            return
        changed = self.installed.look(sets)
        tasks, drifted = [], []
        for item in items:
            name = item.task, item.attempt
            relied = sets[item.relied - 1] if item.relied else {}
            if self.installed.lacks(relied):
                drifted.append(name)
                continue
            self.payloads[name] = item.payload, relied
            tasks.append(events.TaskInfo(*name, item.function, item.walltime, item.modules))
        found = self.installed.versions
        self.events.append(events.Claimed(tuple(tasks), changed, tuple(drifted), found))

    def _inspect(self, action: actions.Inspect) -> None:
        found = place.found(self.config.edf, action.distributions, self.config.look)
        self.events.append(events.Found(found))

    def _exit(self, action: actions.Exit) -> None:
        self.code = action.code
        if action.text:
            sys.stderr.write("fcx: %s\n" % action.text)

    _PERFORM: ClassVar["Dict[Type[Any], Callable[[Agent, Any], None]]"] = {
        actions.StartWorker: _start_worker,
        actions.StopWorker: _stop_worker,
        actions.Configure: _configure,
        actions.Run: _run,
        actions.Drop: _drop,
        actions.Keep: _keep,
        actions.KeepDeath: _keep_death,
        actions.Announce: _announce,
        actions.Record: _record,
        actions.Flush: _flush,
        actions.Beat: _beat,
        actions.AskTime: _ask_time,
        actions.Look: _look,
        actions.Claim: _claim,
        actions.Inspect: _inspect,
        actions.Exit: _exit,
    }


def now() -> float:
    """The time by this node's clock, as records have it: for people, never for a decision."""
    return round(time.time(), 3)


def incarnation() -> Incarnation:
    """Which life of which agent this is, as Slurm says."""
    job = os.environ.get("SLURM_JOB_ID", "0")
    restart, node = os.environ.get("SLURM_RESTART_COUNT", "0"), os.environ.get("SLURM_NODEID", "0")
    return Incarnation(job, int(restart), int(node))


OF_NODE = "SLURM_NODEID", "SLURM_CPUS_ON_NODE"


def leave_step(environ: "MutableMapping[str, str]") -> None:
    """Have the variables of the job, as a batch script has, in place of those of its own step."""
    job = environ.pop("FCX_JOB", "")
    if job:
        for name in list(environ):
            if name.startswith(("SLURM_", "PMI")) and name not in OF_NODE:
                del environ[name]
        for line in job.splitlines():
            name, _, environ[name] = line.partition("=")


def unused(run: str, me: Incarnation) -> Incarnation:
    """A controller that has lost its state gives ids again: what another has written stays."""
    while os.path.exists(os.path.join(run, "logs", names.log(me, 0))):
        me = me._replace(restart=me.restart + 1)
    return me


def main(arguments: "Sequence[str]") -> int:
    """Serve; whatever goes wrong in the agent itself is left as a note that the client reads."""
    run, path = arguments
    os.umask(0o77)
    umask = int(os.environ.pop("FCX_UMASK", "022"), 8)
    me = incarnation()
    leave_step(os.environ)
    if not is_ours(run):
        sys.stderr.write(
            "fcx: %s is not yours alone: nothing in it was run. Name another working_dir\n" % run
        )
        return NOT_OURS
    try:
        with open(path, "rb") as file:
            config = Config.decode(file.read())
    except (OSError, ValueError) as error:
        Log(run, me, b"").note_exit("the pilot's configuration cannot be read: %s\n" % error)
        return 1
    agent = Agent(run, config, unused(run, me), umask)
    try:
        code = agent.serve()
    except Exception as error:
        if agent.log.gone():
            return 0  # the run directory was removed: the run is over
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            os._exit(DISK_FULL)
        import traceback  # slow to import, and hardly ever needed

        agent.log.note_exit(traceback.format_exc())
        raise
    if code == DISK_FULL:
        os._exit(code)  # to flush the standard streams would fail, and change the code
    return code
