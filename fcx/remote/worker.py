"""A worker: one process that runs tasks, one after the other, for the agent that started it.

``worker READ_FD WRITE_FD OUT ERR``: frames come in on READ_FD and leave on WRITE_FD (their form is
in ``protocol/frames.py``); stdout and stderr of a task go to the files OUT and ERR, which are
emptied after each task. Between two tasks environ, cwd, umask, signal handlers and the standard
streams are put back.
"""

import gc
import os
import resource
import signal
import sys
import time
import types

from ..protocol import frames
from ..protocol.frames import Frame, Reader
from .folders import held
from .outcome import describe, run
from .surroundings import Output, Surroundings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional, Sequence

GROWTH = 256 << 20  # bytes that a task may leave behind before its process is replaced
PAGE = resource.getpagesize()
PR_SET_PDEATHSIG = 1


class Pipe:
    """Frames in and out; EOFError when the agent is gone."""

    def __init__(self, reader: int, writer: int) -> None:
        self.reader, self.writer = reader, writer
        self.frames = Reader()

    def read(self) -> Frame:
        """Wait for the next frame."""
        frame = self.frames.take()
        while frame is None:
            data = os.read(self.reader, 1 << 16)
            if not data:
                raise EOFError
            self.frames.feed(data)
            frame = self.frames.take()
        return frame

    def write(self, kind: bytes, meta: "Dict[str, Any]", data: bytes = b"") -> None:
        """Write one frame whole."""
        view = memoryview(frames.pack(kind, meta, data))
        while view:
            view = view[os.write(self.writer, view) :]


def resident() -> int:
    """Bytes of memory that this process holds."""
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * PAGE


class Worker:
    """The loop: a frame in, a frame out."""

    def __init__(self, pipe: Pipe, pickling: types.ModuleType, output: Output) -> None:
        self.pipe, self.pickling, self.output = pipe, pickling, output
        self.pid = os.getpid()
        self.baseline = 0
        self.home: "Optional[Surroundings]" = None
        self.main = pickling.Main()  # what tasks find as the caller's

    def configure(self, meta: "Dict[str, Any]", initializer: bytes) -> None:
        """Take umask, CPUs and paths, then run the initializer."""
        os.umask(meta["umask"])
        if meta["cpus"]:
            os.sched_setaffinity(0, meta["cpus"])
        sys.path[:0] = meta["paths"]
        answer = {}
        if initializer:
            try:
                fn, args = self.pickling.loads(initializer)
                main = sys.modules["__main__"]
                before = dict(vars(main))
                fn(*args)
                main.keep(before)
            except BaseException as error:
                answer = {"error": describe(error)}
        self.home = Surroundings()
        self.main = sys.modules["__main__"]
        self.baseline = resident()
        self.pipe.write(frames.READY, answer)

    def task(self, meta: "Dict[str, Any]", payload: bytes) -> None:
        """Run one task and report it."""
        began = time.monotonic()
        self.pickling.Main(self.main)  # what one task names in it is no other's
        kind, result = run(self.pickling, payload)
        seconds = time.monotonic() - began
        if os.getpid() != self.pid:
            os._exit(0)  # a child that the task forked has come back: it is not this worker
        out, err = self.output.take()
        done = {
            "t": meta["t"],
            "a": meta["a"],
            "o": kind,
            "s": round(seconds, 6),
            "n": [len(result), len(out), len(err)],
        }
        if self.stale():
            done["stale"] = True
        self.pipe.write(frames.DONE, done, result + out + err)
        del result, out, err
        self.output.restore()
        assert self.home is not None
        self.home.restore()

    def stale(self) -> bool:
        """Whether the tasks so far left so much memory that a fresh process is better."""
        most = self.baseline + GROWTH
        if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10 < most or resident() < most:
            return False
        gc.collect()
        return resident() >= most

    def serve(self) -> None:
        """Until the agent closes the pipe; then the interpreter ends as any does."""
        while True:
            try:
                kind, meta, data = self.pipe.read()
            except EOFError:
                self.output.leave()
                return
            if kind == frames.CONFIGURE:
                self.configure(meta, data)
            else:
                self.task(meta, data)


def prepare() -> None:
    """Make this process the first to be killed for memory, and die with the agent."""
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")
    except OSError:
        pass  # some kernels forbid it: then the agent is as likely to be killed as its workers
    try:
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    except (ImportError, OSError, AttributeError):
        pass  # without it, the end of the job ends this process
    for number in signal.SIGUSR1, signal.SIGUSR2:
        signal.signal(number, signal.SIG_IGN)
    for number in signal.SIGTERM, signal.SIGHUP:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def main(arguments: "Sequence[str]") -> int:
    """Stand apart from ``__main__``, which is the caller's, and serve."""
    pipe = Pipe(int(arguments[0]), int(arguments[1]))
    for fd in [pipe.reader, pipe.writer] + held(arguments[2]):
        os.set_inheritable(fd, False)
    prepare()
    output = Output(arguments[2], arguments[3])
    sys.argv = [""]
    if not getattr(sys.flags, "safe_path", False):
        sys.path.append(os.getcwd())  # last: it shadows nothing
    hello: "Dict[str, Any]" = {"python": "%d.%d.%d" % sys.version_info[:3], "dill": None}
    try:
        from ..protocol import pickling
    except Exception as error:
        hello["error"] = "%s: %s" % (type(error).__name__, error)
        pipe.write(frames.HELLO, hello)
        return 0
    hello["dill"] = pickling.dill.__version__
    pipe.write(frames.HELLO, hello)
    Worker(pipe, pickling, output).serve()
    return 0
