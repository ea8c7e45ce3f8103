"""Worker processes as the agent sees them, each with its share of the node."""

import os
import re
import signal
import subprocess
import sys
import time

from ..protocol import frames
from .events import How
from .folders import held
from .turn import Turn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Mapping, Optional, Sequence, Tuple, TypeVar

    from ..protocol.frames import Frame
    from ..protocol.names import Incarnation

    T = TypeVar("T")

OUTSIDE = (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
NEAR = 0.8  # of the memory that a job may take: who is killed while holding that, is for memory
OUTPUT_LEFT = 1 << 20  # bytes that are read of what a dead worker had written
READ = 1 << 16  # bytes at a time
PARTING = 5.0  # seconds that a worker may take to end by itself: atexit handlers run then


def shares(
    cpus: "Sequence[int]", gpus: "Sequence[str]", workers: int
) -> "List[Tuple[List[int], List[str]]]":
    """Divide CPU and GPU ids among workers: [(cpus, gpus), ...], disjoint as far as they reach.

    With fewer CPUs (or GPUs) than workers, they are dealt out in turn and shared.
    """
    return [(_share(cpus, workers, rank), _share(gpus, workers, rank)) for rank in range(workers)]


def _share(items: "Sequence[T]", workers: int, rank: int) -> "List[T]":
    if not items:
        return []
    if len(items) < workers:
        return [items[rank % len(items)]]
    low, high = rank * len(items) // workers, (rank + 1) * len(items) // workers
    return list(items[low:high])


def visible_gpus(environ: "Mapping[str, str]") -> "Tuple[str, List[str]]":
    """The name of the variable that tells the GPUs of this node, and their ids."""
    for name in "CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES":
        listed = [part for part in environ.get(name, "").split(",") if part.strip()]
        if listed:
            return name, listed
    matches = (re.match(r"nvidia(\d+)$", name) for name in os.listdir("/dev"))
    found = sorted(int(match.group(1)) for match in matches if match)
    return "CUDA_VISIBLE_DEVICES", [str(number) for number in found]


def oom_counters() -> "List[str]":
    """Files that count how often the kernel has killed for memory, of either kind of groups."""
    found = ["/proc/vmstat", "/sys/fs/cgroup/memory.events"]
    try:
        with open("/proc/self/cgroup") as file:
            groups = [line.rstrip("\n").split(":", 2) for line in file]
    except OSError:
        return found
    for _, controllers, group in groups:
        if not controllers:
            found.append("/sys/fs/cgroup%s/memory.events" % group)
        elif "memory" in controllers.split(","):
            found.append("/sys/fs/cgroup/memory%s/memory.oom_control" % group)
    return found


def oom_kills() -> int:
    """How often the kernel has killed for memory, in this control group and on this machine."""
    total = 0
    for path in oom_counters():
        try:
            with open(path) as file:
                total += sum(int(line.split()[1]) for line in file if line.startswith("oom_kill "))
        except OSError:
            continue
    return total


def memory_limit(environ: "Mapping[str, str]") -> int:
    """Bytes that the job may take on this node, by what Slurm says; 0 where it sets no limit."""
    node, each = environ.get("SLURM_MEM_PER_NODE", ""), environ.get("SLURM_MEM_PER_CPU", "")
    cpus = environ.get("SLURM_CPUS_ON_NODE", "")
    if node.isdigit():
        return int(node) << 20
    return int(each) * int(cpus) << 20 if each.isdigit() and cpus.isdigit() else 0


class Share:
    """What a worker has of its node, whatever its process: CPUs, variables, files for output."""

    def __init__(self, rank: int, cpus: "List[int]", gpus: "Dict[str, str]", output: str) -> None:
        self.rank, self.cpus, self.gpus = rank, cpus, gpus
        self.out, self.err = output + ".out", output + ".err"

    def environ(self) -> "Dict[str, str]":
        """The variables of its process."""
        own = dict(os.environ, FCX_LOCAL_RANK=str(self.rank))
        if self.cpus:
            own.setdefault("OMP_NUM_THREADS", str(len(self.cpus)))
        own.update(self.gpus)
        return own


class Process:
    """One worker process, from exec to its end."""

    def __init__(self, command: "List[str]", share: Share) -> None:
        """The process starts with the folder that its paths lead through held open, too."""
        its_reader, self.write_fd = os.pipe()
        self.read_fd, its_writer = os.pipe()
        try:
            self.process = subprocess.Popen(
                [*command, "worker", str(its_reader), str(its_writer), share.out, share.err],
                env=share.environ(),
                stdin=subprocess.DEVNULL,
                pass_fds=(its_reader, its_writer, *held(share.out)),
                start_new_session=True,
            )
        except OSError:
            self._close()
            raise
        finally:
            os.close(its_reader)
            os.close(its_writer)
        os.set_blocking(self.read_fd, False)
        self.share = share
        self.oom, self.peak = oom_kills(), 0  # bytes that it held at most, once it has ended
        self.frames, self.turn = frames.Reader(), Turn()
        self.outcome: "Optional[Frame]" = None  # of its task, until it is kept
        self.began = 0.0  # when it was given its task, by the node's clock
        self.until = 0.0  # when it is killed if it has not ended by itself
        self.followed = False  # another one begins in its place then

    def send(self, kind: bytes, meta: "Mapping[str, object]", data: bytes = b"") -> None:
        """Write a frame; one that has died meanwhile is seen as such elsewhere."""
        self.turn.sent(kind, meta)
        view = memoryview(frames.pack(kind, dict(meta), data))
        try:
            while view:
                view = view[os.write(self.write_fd, view) :]
        except OSError:
            pass

    def receive(self) -> "List[Frame]":
        """The whole frames that have arrived. ValueError: it has said what no worker says."""
        part = bytes(READ)
        while len(part) == READ:
            try:
                part = os.read(self.read_fd, READ)
            except OSError:  # nothing more for now
                break
            self.frames.feed(part)
        arrived = self.frames.frames()
        for frame in arrived:
            self.turn.check(frame)
        return arrived

    def dead(self) -> bool:
        """Whether the process has ended."""
        if self.process.returncode is None:
            pid, status, usage = os.wait4(self.process.pid, os.WNOHANG)
            if pid:
                signalled = os.WIFSIGNALED(status)
                code = -os.WTERMSIG(status) if signalled else os.WEXITSTATUS(status)
                self.process.returncode, self.peak = code, usage.ru_maxrss << 10
        return self.process.returncode is not None

    def how(self) -> How:
        """How it ended, once it has."""
        code = self.process.returncode
        number = -code if code < 0 else 0
        limit = memory_limit(os.environ)
        full = 0 < limit * NEAR <= self.peak
        memory = number == signal.SIGKILL and (full or oom_kills() > self.oom)
        if memory and full:
            sizes = self.peak >> 20, limit >> 20
            text = "was killed when it held %d MB of memory, and the job may take %d MB" % sizes
        elif memory:
            text = "was killed because the node or the job ran out of memory"
        elif number:
            text = "was killed by %s" % signal.Signals(number).name
        else:
            text = "exited with code %d" % code
        return How(text, number, code, memory, number in OUTSIDE and not memory)

    def output(self) -> "Tuple[bytes, bytes]":
        """What the dead process had written of its last task."""
        return self._read(self.share.out), self._read(self.share.err)

    @staticmethod
    def _read(path: str) -> bytes:
        try:
            with open(path, "rb") as file:
                return file.read(OUTPUT_LEFT)
        except OSError:
            return b""

    def part(self) -> bool:
        """Have it end by itself, unless it is at a task or has ended; whether it will."""
        if self.turn.awaited or self.dead():
            return False
        os.dup2(self.read_fd, self.write_fd, False)  # so what it reads ends
        self.until = time.monotonic() + PARTING
        return True

    def end(self) -> None:
        """Kill the process and what it started, and let go of the pipes."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except OSError:
            pass
        self.process.wait()
        self._close()

    def _close(self) -> None:
        os.close(self.write_fd)
        os.close(self.read_fd)


class Pool:
    """The workers of a node by rank."""

    def __init__(self, run: str, me: "Incarnation", workers: int) -> None:
        self.command = [sys.executable, _programs()]
        self.processes: "Dict[int, Process]" = {}
        self.parting: "Dict[int, Process]" = {}  # those that end by themselves
        base = os.path.join(run, "output", str(me))
        cpus = sorted(os.sched_getaffinity(0))
        variable, gpus = visible_gpus(os.environ)
        divided = [([], [])] if workers == 1 else shares(cpus, gpus, workers)
        self.shares = [
            Share(rank, own, {variable: ",".join(some)} if some else {}, "%s.%d" % (base, rank))
            for rank, (own, some) in enumerate(divided)
        ]

    def start(self, rank: int) -> Process:
        """A fresh process. OSError: the system has no room for one."""
        process = self.processes[rank] = Process(self.command, self.shares[rank])
        return process


def _programs() -> str:
    """What to run for a worker: the script beside this package."""
    return os.path.join(__file__.rsplit("/", 3)[0], "__main__.py")
