"""A worker: one process that runs calls, one after the other, for the agent that started it.

``start.py worker READ_FD WRITE_FD OUT ERR``: frames come in on READ_FD and leave on WRITE_FD;
stdout and stderr of a call go to the files OUT and ERR, which are emptied after each call.

A frame is ``>cIQ`` (kind, length of meta, length of data), meta as JSON, data as bytes::

    in   C  configuration: key, paths, umask, cpus; data: pickled initializer, or nothing
         T  task: t (id), a (attempt); data: pickled (fn, args, kwargs)
    out  H  hello: python, dill (or ``error``); sent before anything is unpickled, so that the
            guard can compare
         R  ready: the configuration is taken, the initializer has run; or ``error``, a text
         D  done: t, a, o (value | raise | alien | unpicklable), s (seconds), n (lengths of
            result, stdout, stderr, in data), mac, stale (this process should be replaced)

Between two calls environ, cwd, umask, signal handlers and the standard streams are put back.
"""

import gc
import hashlib
import hmac
import json
import os
import resource
import signal
import struct
import sys
import time
import traceback
import types

HEAD = struct.Struct(">cIQ")
GROWTH = 256 << 20  # bytes that a call may leave behind before its process is replaced
PAGE = resource.getpagesize()
PR_SET_PDEATHSIG = 1
OUTPUT_LIMIT = 64 << 20  # bytes of stdout or stderr kept of one call


def read_exactly(fd, size):
    """Bytes from a pipe; EOFError when the other end is gone."""
    parts = []
    while size:
        part = os.read(fd, min(size, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def read_frame(fd):
    """One frame as (kind, meta, data)."""
    kind, meta, data = HEAD.unpack(read_exactly(fd, HEAD.size))
    return kind, json.loads(read_exactly(fd, meta).decode()), read_exactly(fd, data)


def write_frame(fd, kind, meta, data=b""):
    """Write one frame whole."""
    text = json.dumps(meta).encode()
    view = memoryview(HEAD.pack(kind, len(text), len(data)) + text + data)
    while view:
        view = view[os.write(fd, view) :]


def authenticate(key, task, attempt, kind, data):
    """Digest that tells the caller that this outcome is of this run, task and attempt."""
    head = "fcx1\0%s\0%d\0%s\0" % (task, attempt, kind)
    return hmac.new(key, head.encode() + data, hashlib.sha256).hexdigest()


def resident():
    """Bytes of memory that this process holds."""
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * PAGE


class Surroundings:
    """What a call may have changed and the next one shall not see."""

    def __init__(self):
        self.umask = os.umask(0o22)
        os.umask(self.umask)
        self.environ = dict(os.environ)
        self.cwd = os.getcwd()
        self.path = list(sys.path)
        self.stdin = sys.stdin
        self.signals = {number: signal.getsignal(number) for number in self._handled()}

    @staticmethod
    def _handled():
        fixed = {signal.SIGKILL, signal.SIGSTOP}
        return [number for number in range(1, signal.NSIG) if number not in fixed]

    def restore(self):
        """Put everything back that differs; cheap when nothing does."""
        if dict(os.environ) != self.environ:
            os.environ.clear()
            os.environ.update(self.environ)
        try:
            moved = os.getcwd() != self.cwd
        except OSError:  # the call removed its own directory
            moved = True
        if moved:
            os.chdir(self.cwd)
        os.umask(self.umask)
        if sys.path != self.path:
            sys.path[:] = self.path
        sys.stdin = self.stdin
        for number, handler in self.signals.items():
            if signal.getsignal(number) != handler and handler is not None:
                signal.signal(number, handler)
        signal.alarm(0)


class Output:
    """File descriptors 1 and 2 lead to files; what a call wrote is what they hold after it."""

    def __init__(self, out, err):
        self.fds = [self._redirect(path, fd) for path, fd in ((out, 1), (err, 2))]
        self.streams = [self._stream(fd) for fd in (1, 2)]
        sys.stdout, sys.stderr = self.streams

    @staticmethod
    def _stream(fd):
        return open(fd, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)

    def restore(self):
        """Lead 1 and 2 to the files again; a call may have closed them, or replaced the streams."""
        for index, fd in enumerate(self.fds):
            os.dup2(fd, index + 1)
            if self.streams[index].closed:
                self.streams[index] = self._stream(index + 1)
        sys.stdout, sys.stderr = self.streams

    @staticmethod
    def _redirect(path, target):
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC | os.O_CLOEXEC
        fd = os.open(path, flags, 0o600)
        os.dup2(fd, target)
        return fd

    def take(self):
        """The bytes written since the last time, as [stdout, stderr]."""
        for stream in sys.stdout, sys.stderr:
            try:
                stream.flush()
            except (OSError, ValueError, AttributeError):  # closed or replaced by the call
                pass
        return [self._drain(fd) for fd in self.fds]

    @staticmethod
    def _drain(fd):
        size = os.fstat(fd).st_size
        if not size:
            return b""
        data = os.pread(fd, min(size, OUTPUT_LIMIT), 0)
        os.ftruncate(fd, 0)
        if size > OUTPUT_LIMIT:
            data += b"\n[fcx: %d more bytes were not kept]\n" % (size - OUTPUT_LIMIT)
        return data


def describe(error):
    """The traceback as text, from the call's own frames on."""
    tb = error.__traceback__
    while tb is not None and tb.tb_frame.f_code.co_filename == __file__:
        tb = tb.tb_next
    return "".join(traceback.format_exception(type(error), error, tb))


def failed(pickling, error):
    """An exception as (kind, data): what stands in for it, then itself where it can travel."""
    text = describe(error)
    module, name = type(error).__module__, type(error).__qualname__
    name = name if module == "builtins" else "%s.%s" % (module, name)
    stand_in = json.dumps([name, safe_str(error), text]).encode()
    try:
        data = pickling.dumps((error, text), home=False)
        if "__main__" not in type(error).__module__:
            pickling.loads(data)  # many an exception pickles well and cannot be loaded
        return "raise", stand_in + b"\n" + data
    except BaseException:
        return "alien", stand_in


def safe_str(error):
    """An exception's text, even if making it raises."""
    try:
        return str(error)
    except BaseException as second:
        return "<%s has no text: its __str__ raised %s>" % (
            type(error).__name__,
            type(second).__name__,
        )


def run(pickling, payload):
    """Run one call; its outcome as (kind, data)."""
    try:
        fn, args, kwargs = pickling.loads(payload)
        value = fn(*args, **kwargs)
    except BaseException as error:
        return failed(pickling, error)
    try:
        return "value", pickling.dumps(value, home=False)
    except BaseException as error:
        told = "%s: %s" % (type(error).__name__, safe_str(error))
        return "unpicklable", json.dumps([type(value).__qualname__, told]).encode()


class Worker:
    """The loop: a frame in, a frame out."""

    def __init__(self, reader, writer, pickling, output):
        self.reader, self.writer = reader, writer
        self.pickling, self.output = pickling, output
        self.pid = os.getpid()
        self.key = b""
        self.baseline = 0
        self.home = None

    def configure(self, meta, initializer):
        """Take the run's key and paths, then run the initializer."""
        self.key = bytes.fromhex(meta["key"])
        os.umask(meta["umask"])
        if meta["cpus"]:
            os.sched_setaffinity(0, meta["cpus"])
        sys.path[:0] = meta["paths"]
        answer = {}
        if initializer:
            try:
                fn, args = self.pickling.loads(initializer)
                fn(*args)
            except BaseException as error:
                answer = {"error": describe(error)}
        self.home = Surroundings()
        self.baseline = resident()
        write_frame(self.writer, b"R", answer)

    def call(self, meta, payload):
        """Run one task and report it."""
        began = time.monotonic()
        kind, result = run(self.pickling, payload)
        seconds = time.monotonic() - began
        if os.getpid() != self.pid:
            os._exit(0)  # a child that the call forked has come back: it is not this worker
        out, err = self.output.take()
        task, attempt = meta["t"], meta["a"]
        data = result + out + err
        done = {
            "t": task,
            "a": attempt,
            "o": kind,
            "s": round(seconds, 6),
            "n": [len(result), len(out), len(err)],
            "mac": authenticate(self.key, task, attempt, kind, data),
        }
        if self.stale():
            done["stale"] = True
        write_frame(self.writer, b"D", done, data)
        del result, data
        self.output.restore()
        self.home.restore()

    def stale(self):
        """Whether the calls so far left so much memory that a fresh process is better."""
        if resident() < self.baseline + GROWTH:
            return False
        gc.collect()
        return resident() >= self.baseline + GROWTH

    def serve(self):
        """Until the agent closes the pipe."""
        while True:
            try:
                kind, meta, data = read_frame(self.reader)
            except EOFError:
                return
            if kind == b"C":
                self.configure(meta, data)
            else:
                self.call(meta, data)


def prepare():
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


def import_pickling():
    """Import dill and its companion; afterwards this folder is no longer importable from.

    The cwd comes last, so that a module in it is found and shadows nothing of the image's.
    """
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path.insert(0, here)
    try:
        import _fcx_pickling

        return _fcx_pickling
    finally:
        sys.path[:] = [entry for entry in sys.path if entry not in (here, "")]
        if not getattr(sys.flags, "safe_path", False):
            sys.path.append(os.getcwd())


def main(arguments):
    """Stand apart from ``__main__``, which is the caller's, and serve."""
    reader, writer = int(arguments[0]), int(arguments[1])
    for fd in reader, writer:
        os.set_inheritable(fd, False)
    prepare()
    output = Output(arguments[2], arguments[3])
    sys.modules["__main__"] = types.ModuleType("__main__")
    sys.argv = [""]
    hello = {"python": "%d.%d.%d" % sys.version_info[:3], "dill": None}
    try:
        pickling = import_pickling()
    except Exception as error:
        hello["error"] = "%s: %s" % (type(error).__name__, error)
        write_frame(writer, b"H", hello)
        return
    hello["dill"] = pickling.dill.__version__
    write_frame(writer, b"H", hello)
    Worker(reader, writer, pickling, output).serve()
