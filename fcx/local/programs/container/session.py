"""A command in its own session behind bubblewrap: signals go in, its exit status comes out."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess

from .edf import Problem

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SIGNALS = tuple(
    signal.Signals[f"SIG{name}"]
    for name in ("HUP", "INT", "QUIT", "TERM", "USR1", "USR2", "CONT", "TSTP")
)


class Session:
    """A command behind bubblewrap's monitor, which any signal would end, and the command with it.

    So signals stop here and go on to the command's own session; when this process is killed, the
    kernel kills monitor and command.
    """

    def __init__(self, outer: list[str], words: list[str], command: list[str]) -> None:
        self._command = 0
        self._held: list[int] = []
        for number in SIGNALS:
            signal.signal(number, self._pass_on)
        self._news, writing = os.pipe()
        words = [*words, "--die-with-parent", "--new-session", "--info-fd", str(writing)]
        listed = _readable(words)
        self._outer = subprocess.Popen(
            [*outer, "--args", str(listed), *command],
            env={"PATH": SYSTEM_PATH}, pass_fds=(listed, writing), start_new_session=True,
        )  # fmt: skip
        os.close(writing)

    def wait(self) -> int:
        """The command's exit status, 128 and the number if a signal ended it."""
        with open(self._news, encoding="ascii") as news:
            told = re.search(r'"child-pid": (\d+)', news.read())
        self._command = int(told[1]) if told else 0
        while self._held:
            self._pass_on(self._held.pop(0), None)
        status = self._outer.wait()
        return status if status >= 0 else 128 - status

    def _pass_on(self, number: int, _frame: object) -> None:
        if not self._command:
            self._held.append(number)
            return
        for send in (os.killpg, os.kill):  # it leads its session, once it has come that far
            with contextlib.suppress(ProcessLookupError, PermissionError):
                send(self._command, number)
                return


def _readable(words: list[str]) -> int:
    """A descriptor that the words can be read from, each ended by NUL: no limit, in no list."""
    if any("\0" in word for word in words):
        raise Problem("a value holds the character NUL")
    handle = os.memfd_create("words", 0)  # inherited
    with open(os.dup(handle), "wb") as file:
        file.write(b"".join(os.fsencode(word) + b"\0" for word in words))
    os.lseek(handle, 0, os.SEEK_SET)
    return handle
