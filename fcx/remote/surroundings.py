"""What a task may change of its process, and the next one shall not see."""

import gc
import os
import signal
import sys
import time
from _signal import getsignal  # type: ignore[import-not-found]  # makes no enum of each answer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from decimal import Context
    from typing import List, Optional, Set, TextIO, Tuple

OUTPUT_LIMIT = 64 << 20  # bytes of stdout or stderr kept of one task


def modes() -> "Tuple[int, Tuple[int, int, int], bool, Set[int]]":
    """What interpreter and process are set to."""
    return sys.getrecursionlimit(), gc.get_threshold(), gc.isenabled(), os.sched_getaffinity(0)


class Surroundings:
    """environ, cwd, umask, path, stdin, signal handlers and modes as they are now."""

    def __init__(self) -> None:
        self.umask = os.umask(0o22)
        os.umask(self.umask)
        self.environ = dict(os.environb._data)  # type: ignore[attr-defined]  # noqa: SLF001 - see restore
        self.cwd = os.getcwd()
        self.path = list(sys.path)
        self.stdin = sys.stdin
        self.modes = modes()
        decimal = sys.modules.get("decimal")
        self.decimals: "Optional[Context]" = decimal.getcontext().copy() if decimal else None
        self.signals = [(number, getsignal(number)) for number in signal.valid_signals()]

    def restore(self) -> None:
        """Put everything back that differs; cheap when nothing does."""
        # As it is: to decode each takes longer than many a task does.
        if os.environb._data != self.environ:  # type: ignore[attr-defined]  # noqa: SLF001
            os.environb.clear()
            os.environb.update(self.environ)
            time.tzset()
        try:
            moved = os.getcwd() != self.cwd
        except OSError:  # the task removed its own directory
            moved = True
        if moved:
            os.chdir(self.cwd)
        os.umask(self.umask)
        if sys.path != self.path:
            sys.path[:] = self.path
        sys.stdin = self.stdin
        if modes() != self.modes:
            limit, sizes, collects, cpus = self.modes
            sys.setrecursionlimit(limit)
            gc.set_threshold(*sizes)
            (gc.enable if collects else gc.disable)()
            os.sched_setaffinity(0, cpus)
        decimal = sys.modules.get("decimal")
        if decimal:
            decimal.setcontext((self.decimals or decimal.DefaultContext).copy())
        for number, handler in self.signals:
            if getsignal(number) != handler and handler is not None:
                signal.signal(number, handler)
        signal.alarm(0)


class Output:
    """File descriptors 1 and 2 lead to files; what a task wrote is what they hold after it."""

    def __init__(self, out: str, err: str) -> None:
        self.former = [os.dup(fd) for fd in (1, 2)]  # of the job
        self.fds = [self._redirect(path, fd) for path, fd in ((out, 1), (err, 2))]
        self.streams = [self._stream(fd) for fd in (1, 2)]
        sys.stdout, sys.stderr = self.streams

    @staticmethod
    def _stream(fd: int) -> "TextIO":
        return open(fd, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)

    def restore(self) -> None:
        """Lead 1 and 2 to the files again; a task may have closed them, or replaced the streams."""
        for index, fd in enumerate(self.fds):
            os.dup2(fd, index + 1)
            if self.streams[index].closed:
                self.streams[index] = self._stream(index + 1)
        sys.stdout, sys.stderr = self.streams

    def leave(self) -> None:
        """Lead them where the job's output goes, for what no task will fetch."""
        self.fds = self.former
        self.restore()

    @staticmethod
    def _redirect(path: str, target: int) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC | os.O_CLOEXEC
        fd = os.open(path, flags, 0o600)
        os.dup2(fd, target)
        return fd

    def take(self) -> "List[bytes]":
        """The bytes written since the last time, as [stdout, stderr]."""
        for stream in sys.stdout, sys.stderr:
            try:
                stream.flush()
            except (OSError, ValueError, AttributeError):  # closed or replaced by the task
                pass
        return [self._drain(fd) for fd in self.fds]

    @staticmethod
    def _drain(fd: int) -> bytes:
        size = os.fstat(fd).st_size
        if not size:
            return b""
        data = os.pread(fd, min(size, OUTPUT_LIMIT), 0)
        os.ftruncate(fd, 0)
        if size > OUTPUT_LIMIT:
            data += b"\n[fcx: %d more bytes were not kept]\n" % (size - OUTPUT_LIMIT)
        return data
