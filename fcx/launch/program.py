"""What a worker runs: a Python of its own for the script, whose streams are the task's."""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType, FunctionType

KEY = "fcx-run"
"""By which the one task of such a run is found again."""
Program = Callable[[str, bytes, "list[str]", CodeType], int]


def program(name: str) -> Program:
    """A task of that name: made anew, for fcx itself is not there.

    It is given the file's name, its content, the arguments, and code that says which modules are
    needed; what it gives is the exit code, or the negative number of the signal that ended it.
    """

    def run(file: str, content: bytes, arguments: list[str], _needs: CodeType) -> int:
        import os
        import sys

        # Modules that came along, and what PYTHONPATH had, stand before Python's own: they are the
        # script's, and here they would be taken for those of Python that have their names.
        path = list(sys.path)
        library = os.path.dirname(os.__file__)  # noqa: PTH120 - pathlib is not imported yet
        own = path.index(library) if library in path else 0
        sys.path[:] = path[own:]
        import ctypes
        import shutil
        import signal
        import subprocess
        import tempfile
        from pathlib import Path

        sys.path[:] = path

        def begin() -> None:
            """As a program of a shell begins; but it ends when its worker does."""
            for number in signal.SIGUSR1, signal.SIGUSR2:
                signal.signal(number, signal.SIG_DFL)
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)

        shipped = [entry for entry in path[:own] if Path(entry).exists()]
        environ = {"PYTHONUNBUFFERED": "1", **os.environ, "PYTHONPATH": os.pathsep.join(shipped)}
        # Beside what it prints: all nodes of the job see it there, and it goes with the run.
        beside = Path("/proc/self/fd/1").resolve().parent
        folder = tempfile.mkdtemp(prefix="script-", dir=beside)
        try:
            script = Path(folder, file)
            script.write_bytes(content)
            code = subprocess.call(
                [sys.executable, str(script), *arguments],
                env=environ,
                stdin=subprocess.DEVNULL,
                preexec_fn=begin,
            )
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        if code == -signal.SIGKILL:
            os.kill(os.getpid(), signal.SIGKILL)  # the agent knows whether that was for memory
        return code

    # Of no module of ours, and of no package: else that would be needed there, and all it imports.
    task = FunctionType(run.__code__, {"__name__": "__main__"}, name)
    task.__qualname__ = name
    return task
