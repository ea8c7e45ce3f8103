"""The worker's parts that need no agent: outcomes, frames, surroundings."""

from __future__ import annotations

import decimal
import gc
import json
import os
import pickle
import signal
import sys
import time

import pytest

from fcx.protocol import pickling
from fcx.remote import outcome, surroundings, worker


class Picky(Exception):
    """Pickles well, and cannot be loaded."""

    def __init__(self, a, b):
        super().__init__(a)


class Stubborn(Exception):
    """Says how it is made, and is wrong."""

    def __init__(self, one):
        super().__init__(one)

    def __reduce__(self):
        return Stubborn, (1, 2, 3), None, 4


class TestRun:
    """One call's outcome, whatever it does."""

    def outcome(self, fn, *args):
        return outcome.run(pickling, pickling.dumps((fn, args, {})))

    def test_a_value(self):
        """Pickled."""
        kind, data = self.outcome(abs, -3)
        assert (kind, pickle.loads(data)) == ("value", 3)

    def test_an_exception_comes_with_what_stands_in_for_it(self):
        """A JSON line, then itself."""
        kind, data = self.outcome(divmod, 1, 0)
        told, _, pickled = data.partition(b"\n")
        assert kind == "raise"
        assert json.loads(told)[0] == "ZeroDivisionError"
        error, text = pickling.loads(pickled)
        assert type(error) is ZeroDivisionError
        assert "ZeroDivisionError" in text

    def test_one_whose_init_wants_other_arguments(self):
        """It is not called again: type, arguments and attributes are what they were."""

        def fail():
            error = Picky(1, 2)
            error.more = 3
            raise error

        kind, data = self.outcome(fail)
        assert kind == "raise"
        error, _ = pickling.loads(data.partition(b"\n")[2])
        assert type(error) is Picky
        assert (error.args, error.more) == ((1,), 3)

    def test_one_that_would_not_load_is_only_stood_in_for(self):
        """Tried on the spot."""

        def fail():
            raise Stubborn(1)

        kind, data = self.outcome(fail)
        assert kind == "alien"
        assert json.loads(data)[0].endswith("Stubborn")

    def test_one_whose_cause_cannot_travel_comes_without(self):
        """Rather than not at all."""

        def fail():
            raise ValueError("x") from KeyError(memoryview(b""))

        kind, data = self.outcome(fail)
        assert kind == "raise"
        told, _, pickled = data.partition(b"\n")
        error, text = pickling.loads(pickled)
        assert type(error) is ValueError
        assert error.__cause__ is None
        assert "KeyError" in text

    def test_a_value_that_cannot_be_pickled(self):
        """Its type and the reason."""
        kind, data = self.outcome(memoryview, b"")
        assert kind == "unpicklable"
        name, told = json.loads(data)
        assert name == "memoryview"
        assert "TypeError" in told

    @pytest.mark.parametrize("payload", [b"", b"garbage", b"\x80\x05N."])
    def test_a_payload_that_makes_no_sense(self, payload):
        """An outcome too: the worker lives on."""
        assert outcome.run(pickling, payload)[0] in {"raise", "alien"}

    def test_the_traceback_begins_with_the_users_own_frame(self):
        """Not with ours."""

        def fail():
            raise ValueError("x")

        _, data = self.outcome(fail)
        text = json.loads(data.partition(b"\n")[0])[2]
        assert f"fcx{os.sep}remote{os.sep}" not in text
        assert "in fail" in text


def test_frames_are_read_as_they_were_written():
    """Kind, meta and data through a pipe, several in a row; the end is EOFError."""
    reader, writer = os.pipe()
    frames = [(b"T", {"t": "t1", "a": 0}, b"x" * 1000), (b"C", {}, b"")]
    pipe = worker.Pipe(reader, writer)
    for kind, meta, data in frames:
        pipe.write(kind, meta, data)
    os.close(writer)
    assert [pipe.read() for _ in frames] == frames
    with pytest.raises(EOFError):
        pipe.read()
    os.close(reader)


def test_surroundings_are_put_back(tmp_path, monkeypatch):
    """environ, cwd, umask, path, handlers; a directory that is gone meanwhile is no obstacle."""
    monkeypatch.chdir(tmp_path)
    before = surroundings.Surroundings()
    old = signal.getsignal(signal.SIGUSR2)
    gone = tmp_path / "gone"
    gone.mkdir()
    os.environ["FCX_SPOILT"] = "1"
    os.chdir(gone)
    gone.rmdir()
    os.umask(0o777)
    sys.path.insert(0, "/nowhere")
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    before.restore()
    umask = os.umask(before.umask)
    assert umask == before.umask
    assert "FCX_SPOILT" not in os.environ
    assert os.getcwd() == str(tmp_path)
    assert "/nowhere" not in sys.path
    assert signal.getsignal(signal.SIGUSR2) == old
    assert before.restore() is None


def test_what_the_interpreter_is_set_to_is_put_back():
    """Its limit of recursion, its collector, its CPUs, its decimal numbers, and its time zone."""
    before = surroundings.Surroundings()
    found = surroundings.modes(), decimal.getcontext().prec, time.strftime("%Z %z")
    sys.setrecursionlimit(sys.getrecursionlimit() + 77)
    gc.set_threshold(11, 7, 5)
    gc.disable()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    decimal.getcontext().prec = 3
    os.environ["TZ"] = "XYZ-7"
    time.tzset()
    before.restore()
    assert (surroundings.modes(), decimal.getcontext().prec, time.strftime("%Z %z")) == found
    assert gc.isenabled()
    decimal.getcontext().prec = 4
    before.restore()
    assert decimal.getcontext().prec == found[1]
