"""Outcomes back: what each kind of outcome becomes, and how its traceback reads."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import traceback

import pytest

from fcx import errors
from fcx.payload import outcome as payload
from fcx.protocol import pickling


class Leaver:
    """Whoever loads it is told to leave."""

    def __reduce__(self):
        return sys.exit, (3,)


class TestLoad:
    """Every kind of outcome."""

    def test_a_value(self):
        """As it was."""
        assert payload.load("value", pickling.dumps({"a": 1})) == ({"a": 1}, None)

    @pytest.mark.parametrize("data", [b"", b"garbage", b"\x80\x05", pickle.dumps(1)[:-1]])
    def test_a_damaged_value(self, data):
        """A ResultError that keeps the bytes."""
        value, error = payload.load("value", data)
        assert value is None
        assert isinstance(error, errors.ResultError)
        assert error.data == data

    def test_an_unpicklable_one(self):
        """Its type, and what pickling said."""
        _, error = payload.load("unpicklable", json.dumps(["Lock", "TypeError: no"]).encode())
        assert isinstance(error, errors.ResultError)
        assert "Lock" in str(error)
        assert "TypeError: no" in str(error)

    @pytest.mark.parametrize(("program", "told"), [("srun", True), ("my-model", False)])
    def test_a_launcher_that_is_not_there(self, program, told):
        """In a container there is none: the error says so below it, and stays what it is."""
        with pytest.raises(FileNotFoundError) as raised:
            subprocess.run([program], env={"PATH": "/nonexistent"}, check=True)
        data = b"[]\n" + pickling.dumps((raised.value, "the traceback\n"))
        _, error = payload.load("raise", data)
        assert (type(error), error.filename) == (FileNotFoundError, program)
        said = "".join(traceback.format_exception(error))
        assert ("srun is not on the PATH of the task. In a container" in said) is told

    def test_an_alien(self):
        """The stand-in for an exception that could not travel."""
        _, error = payload.load("alien", json.dumps(["m.Odd", "said", "the traceback\n"]).encode())
        assert isinstance(error, errors.RemoteError)
        assert (error.type_name, error.text) == ("m.Odd", "said")
        assert "the traceback" in str(error.__cause__)

    @pytest.mark.parametrize("kind", ["raise", "alien", "unpicklable", "", "of another fcx"])
    @pytest.mark.parametrize(
        "data", [b"", b"null", b"[]", b"[1, 2, 3]", b'["a"]', b"[" * 100_000, b"\xff", b"7\n\x80"]
    )
    def test_what_is_none_of_a_workers(self, kind, data):
        """An error of ours, with the bytes; and the thread that loads goes on."""
        value, error = payload.load(kind, data)
        assert value is None
        assert isinstance(error, errors.ResultError)
        assert error.data == data

    @pytest.mark.parametrize("loaded", [("no exception", "tb"), (ValueError(), 7), 5, (1, 2, 3)])
    def test_an_exception_that_is_none(self, loaded):
        """What stands in for it is there."""
        told = json.dumps(["m.Odd", "said", "the traceback\n"]).encode()
        _, error = payload.load("raise", told + b"\n" + pickle.dumps(loaded))
        assert isinstance(error, errors.RemoteError)
        assert error.type_name == "m.Odd"

    def test_a_value_that_ends_the_thread(self):
        """Loading may raise SystemExit: the thread that loads is not to end by it."""
        value, error = payload.load("value", pickle.dumps(Leaver()))
        assert value is None
        assert isinstance(error, errors.ResultError)
        assert "SystemExit" in str(error)

    def test_a_stand_in_travels_on(self):
        """Through another pool, say."""
        error = pickle.loads(pickle.dumps(errors.RemoteError("m.Odd", "said", "tb")))
        assert (error.type_name, error.text, error.remote_traceback) == ("m.Odd", "said", "tb")


class TestTraceback:
    """The remote traceback reads like a local one."""

    def test_source_lines_are_added_from_the_files_here(self, tmp_path):
        """Functions of the caller's script have no source over there."""
        path = tmp_path / "script.py"
        path.write_text("def f():\n    raise ValueError  # here\n")
        text = f'Traceback (most recent call last):\n  File "{path}", line 2, in f\nValueError\n'
        assert "    raise ValueError  # here" in payload.with_source(text)

    def test_lines_that_are_there_are_not_doubled(self):
        """With the markers that Python 3.11 puts under them."""
        try:
            json.loads("nothing")
        except ValueError:
            text = traceback.format_exc()
        assert payload.with_source(text) == text

    def test_files_that_are_not_here(self):
        """Left as they are."""
        text = '  File "/no/such/file.py", line 3, in f\nValueError\n'
        assert payload.with_source(text) == text


@pytest.mark.parametrize("line", ["3", "9" * 5000])
@pytest.mark.parametrize("file", ["/dev/zero", "a\0b", "/", "<stdin>"])
def test_a_traceback_names_what_is_no_source(file, line):
    """A device is not read, at any line."""
    text = f'  File "{file}", line {line}, in f\nValueError\n'
    assert payload.with_source(text) == text


def test_a_source_is_not_as_large(tmp_path):
    """As a file of data."""
    path = tmp_path / "large.py"
    path.write_bytes(b"x = 1\n" * payload.LARGEST_SOURCE)
    text = f'  File "{path}", line 3, in f\nValueError\n'
    assert payload.with_source(text) == text
