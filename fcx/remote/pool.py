"""Worker processes as the agent sees them, each with its share of the node."""

import glob
import json
import os
import re
import signal
import struct
import subprocess
import sys

HEAD = struct.Struct(">cIQ")  # as in worker.py
OUTSIDE = (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


def shares(cpus, gpus, workers):
    """Divide CPU and GPU ids among workers: [(cpus, gpus), ...], disjoint as far as they reach.

    With fewer CPUs (or GPUs) than workers, they are dealt out in turn and shared.
    """
    return [(_share(cpus, workers, rank), _share(gpus, workers, rank)) for rank in range(workers)]


def _share(items, workers, rank):
    if not items:
        return []
    if len(items) < workers:
        return [items[rank % len(items)]]
    low, high = rank * len(items) // workers, (rank + 1) * len(items) // workers
    return items[low:high]


def visible_gpus(environ):
    """The name of the variable that tells the GPUs of this node, and their ids."""
    for name in "CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES":
        listed = [part for part in environ.get(name, "").split(",") if part.strip()]
        if listed:
            return name, listed
    found = sorted(int(re.sub(r"\D", "", path)) for path in glob.glob("/dev/nvidia[0-9]*"))
    return "CUDA_VISIBLE_DEVICES", [str(number) for number in found]


def oom_kills():
    """How often the kernel has killed for memory, in this control group and on this machine."""
    total = 0
    for path in "/sys/fs/cgroup/memory.events", "/proc/vmstat":
        try:
            with open(path) as file:
                total += sum(int(line.split()[1]) for line in file if line.startswith("oom_kill "))
        except OSError:
            continue
    return total


class Slot:
    """A place for one worker process: its rank and share stay, its process may be replaced."""

    def __init__(self, rank, cpus, gpus, run, name):
        self.rank, self.cpus, self.gpus = rank, cpus, gpus
        base = os.path.join(run, "output", "%s.%d" % (name, rank))
        self.out, self.err = base + ".out", base + ".err"
        self.calls = 0  # in this pilot, whatever the process
        self.process = None
        self.served = 0  # by this process
        self.state = "ended"  # starting | hello | idle | busy | ended
        self.task = None  # (meta, payload) while busy
        self.began = 0.0
        self.told = False  # the caller knows that this task runs
        self.buffer = bytearray()
        self.stale = False
        self.paths = None  # the modules that its process was configured with

    def start(self, environ):
        """Start a process by exec; it says hello by itself."""
        there, self.write_fd = os.pipe()
        self.read_fd, back = os.pipe()
        command = [
            sys.executable,
            os.path.join(os.path.dirname(os.path.abspath(__file__)), "start.py"),
        ]
        command += ["worker", str(there), str(back), self.out, self.err]
        self.process = subprocess.Popen(
            command,
            env=self._environ(environ),
            stdin=subprocess.DEVNULL,
            pass_fds=(there, back),
            start_new_session=True,
        )
        os.close(there)
        os.close(back)
        os.set_blocking(self.read_fd, False)
        self.oom = oom_kills()
        self.served = 0
        self.stale = False
        self.buffer = bytearray()
        self.state = "starting"

    def _environ(self, environ):
        own = dict(environ, FCX_LOCAL_RANK=str(self.rank))
        if self.cpus:
            own.setdefault("OMP_NUM_THREADS", str(len(self.cpus)))
        if self.gpus:
            name, ids = self.gpus
            own[name] = ",".join(ids)
        return own

    def send(self, kind, meta, data=b""):
        """Write a frame; False where the process is gone."""
        text = json.dumps(meta).encode()
        view = memoryview(HEAD.pack(kind, len(text), len(data)) + text + data)
        try:
            while view:
                view = view[os.write(self.write_fd, view) :]
        except OSError:
            return False
        return True

    def receive(self):
        """The whole frames that have arrived, as [(kind, meta, data)]."""
        while True:
            try:
                part = os.read(self.read_fd, 1 << 20)
            except BlockingIOError:
                break
            except OSError:
                part = b""
            if not part:
                break
            self.buffer += part
            if len(part) < 1 << 16:
                break
        return self._frames()

    def _frames(self):
        found, at = [], 0
        while len(self.buffer) - at >= HEAD.size:
            kind, meta, data = HEAD.unpack_from(self.buffer, at)
            middle = at + HEAD.size + meta
            if len(self.buffer) < middle + data:
                break
            text = bytes(self.buffer[at + HEAD.size : middle])
            found.append(
                (kind, json.loads(text.decode()), bytes(self.buffer[middle : middle + data]))
            )
            at = middle + data
        del self.buffer[:at]
        return found

    def dead(self):
        """Whether the process has ended."""
        return self.process.poll() is not None

    def how(self):
        """How it ended, in words and as (signal, exit code, out of memory, ended from outside)."""
        code = self.process.returncode
        number = -code if code < 0 else 0
        memory = number == signal.SIGKILL and oom_kills() > self.oom
        if memory:
            text = "was killed because the node or the job ran out of memory"
        elif number:
            text = "was killed by %s" % signal.Signals(number).name
        else:
            text = "exited with code %d" % code
        outside = number in OUTSIDE and not memory
        return {"text": text, "signal": number, "code": code, "oom": memory, "outside": outside}

    def output(self):
        """What the dead process had written of its last call."""
        return [self._read(path) for path in (self.out, self.err)]

    @staticmethod
    def _read(path):
        try:
            with open(path, "rb") as file:
                return file.read(1 << 20)
        except OSError:
            return b""

    def end(self):
        """Kill the process and what it started, and let go of the pipes."""
        if self.process is None:
            return
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except OSError:
            pass
        self.process.wait()
        os.close(self.write_fd)
        os.close(self.read_fd)
        self.process = None
        self.task = None
        self.state = "ended"
