"""Output that comes in pieces: once each, in order, and to the byte."""

from __future__ import annotations

import io
import random

import pytest

from fcx import errors
from fcx.executor import reporting
from fcx.executor.future import FirecrestFuture
from fcx.launch.follow import End, Tail, ending


class Written:
    """A stream as the API shows it: text, and U+FFFD for what is none."""

    def __init__(self) -> None:
        self.bytes = b""
        self.reads = 0
        self.out = io.BytesIO()
        self.tail = Tail(self.read, self.out)

    def read(self, start: int) -> bytes:
        """From a byte on."""
        self.reads += 1
        return self.bytes[start:].decode("utf-8", "replace").encode()


def test_pieces_are_passed_on_as_they_grow():
    """Half a character waits for its other half."""
    stream, text = Written(), "grün 漢字 \ufffd 🎉\n".encode() * 3
    rng = random.Random(1)
    for at in sorted(rng.sample(range(len(text)), 20)):
        stream.bytes = text[:at]
        stream.tail.grow()
        assert text.startswith(stream.out.getvalue())
    assert stream.out.getvalue()
    stream.tail.end(text)
    assert stream.out.getvalue() == text


def test_what_is_no_text_comes_at_the_end():
    """And is not asked for again and again."""
    stream = Written()
    stream.bytes = b"head\n" + bytes(range(256))
    assert stream.tail.grow()
    assert not stream.tail.grow()
    before = stream.reads
    assert not stream.tail.grow()
    assert stream.reads == before
    stream.tail.end(stream.bytes)
    assert stream.out.getvalue() == stream.bytes


@pytest.mark.parametrize(
    ("whole", "shown"),
    [
        (b"one\ntwo\n", b"one\ntwo\n"),
        (b"another life\n", b"one\nanother life\n"),  # it was begun again
        (b"", b"one\n"),  # what ended it has left nothing to read
    ],
)
def test_the_end(whole, shown):
    """The rest, or all where the beginning is another."""
    stream = Written()
    stream.bytes = b"one\n"
    stream.tail.grow()
    stream.tail.end(whole)
    assert stream.out.getvalue() == shown


@pytest.mark.parametrize(
    ("value", "error", "code", "said"),
    [
        (0, None, 0, ""),
        (3, None, 3, ""),
        (-15, None, 143, "a.py was killed by SIGTERM."),
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
