"""Output that comes in pieces: once each, in order, and to the byte."""

from __future__ import annotations

import io

import pytest

from fcx import errors
from fcx.executor import following, reporting
from fcx.executor.effects.written import Written
from fcx.executor.future import FirecrestFuture
from fcx.executor.outputs import KEPT, KEPT_OF_KILLED, of_killed
from fcx.launch.follow import End, ending, follow


class Owner:
    """A run whose one task writes this, and has then ended."""

    def __init__(self, live: bytes, whole: bytes, error: Exception | None = None) -> None:
        self.live, self.whole, self.error = live, whole, error
        self.future: FirecrestFuture[int] = FirecrestFuture("t1", self, "a.py")
        reporting.running(self.future, "7")
        self.out, self.err = io.BytesIO(), io.BytesIO()

    def written(self, task, stream, before):
        if stream == 1:
            reporting.attempts(self.future, ((0, "7", ""),))
            reporting.end(self.future, 0, self.error, (self.whole, b"err"))
            return None
        return Written(("7.0.0", 0, 0), 0, self.live, 0.0)

    def end(self) -> End:
        return follow(self.future, self.out, self.err)


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    for name in ("QUIET", "SOON"):
        monkeypatch.setattr(following, name, 0.001)


@pytest.mark.parametrize(
    ("whole", "shown"),
    [
        (b"one\ntw", b"one\ntw"),
        (b"one\ntwo\xff\x00\n", b"one\ntwo\xff\x00\n"),  # to the byte
        (b"another life\n", b"one\ntwanother life\n"),  # it was begun again
        (b"", b"one\ntw"),  # what ended it has left nothing to read
    ],
)
def test_both_streams_are_passed_on(whole, shown):
    """What is written while it runs, also of a line that has not ended; then the rest."""
    owner = Owner(b"one\ntw", whole)
    assert owner.end() == End(0)
    assert (owner.out.getvalue(), owner.err.getvalue()) == (shown, b"err")


def test_bytes_that_were_not_kept_are_told():
    """And are not among what the program has written; what was passed on is not missing."""
    note = b"\n[fcx: 1234 more bytes were not kept]\n"
    owner = Owner(b"xx", b"x" * KEPT + note)
    assert owner.end() == End(
        0,
        "1,234 bytes of stdout are missing: of a program that has ended, 64 MB are kept. "
        "Redirect more into a file there.",
    )
    assert owner.out.getbuffer() == b"x" * KEPT
    assert owner.err.getvalue() == b"err\n"  # so that this begins a line
    owner = Owner(b"x" * KEPT + b"y" * 1234, b"x" * KEPT + note)
    assert owner.end() == End(0)
    assert owner.err.getvalue() == b"err"
    assert owner.out.getbuffer() == owner.live


def test_of_a_killed_one_the_end_may_be_missing():
    """Beside how it was killed, which gives the exit code."""
    owner = Owner(b"xx", of_killed(b"x" * KEPT_OF_KILLED), errors.WorkerDied("was killed"))
    assert owner.end() == End(
        137,
        "The end of stdout may be missing: of a program that was killed, 1 MB are kept. "
        "Redirect more into a file there.\nfcx: was killed",
    )
    assert owner.out.getvalue() == b"x" * KEPT_OF_KILLED


@pytest.mark.parametrize(
    ("value", "error", "code", "said"),
    [
        (0, None, 0, ""),
        (3, None, 3, ""),
        (-15, None, 143, "a.py was killed by SIGTERM."),
        (-40, None, 168, "a.py was killed by signal 40."),
        (None, errors.OutOfMemory("Ask for more with --mem"), 137, "Ask for more with --mem"),
        (None, errors.WorkerDied("was killed by SIGKILL"), 137, "was killed by SIGKILL"),
        (None, errors.TimeLimitExceeded("with --time"), 1, "with --time"),
        (None, errors.ParityError("differs"), 3, "differs"),
        (None, OSError("No space"), 1, "a.py was not started on the cluster: OSError: No space"),
    ],
)
def test_exit_codes(value, error, code, said):
    """As a shell has them; what ended it from outside is said."""
    future: FirecrestFuture[int] = FirecrestFuture("t1", None, "a.py")
    reporting.end(future, value, error, (b"", b""))
    assert ending(future) == End(code, said)


def test_a_cancelled_one():
    """By another thread of the process, say."""
    future: FirecrestFuture[int] = FirecrestFuture("t1", None, "a.py")
    future._owner = type("Nobody", (), {"cancel_task": lambda *_: None})()
    future.cancel()
    assert ending(future) == End(1, "a.py was cancelled.")
