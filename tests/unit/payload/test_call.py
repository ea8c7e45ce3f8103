"""Calls to bytes and outcomes back: what each kind of outcome becomes, and which names things have."""

from __future__ import annotations

import enum
import functools
import json
import pickle
import subprocess
import sys
import textwrap
import traceback
from pathlib import Path

import pytest

from fcx import errors
from fcx.payload import call as payload
from fcx.protocol import pickling

REMOTE = Path(pickling.__file__).parent


def there(tmp_path, script, *, timeout=60):
    """Run a script that uses the worker's own functions, as a process of the far side."""
    path = tmp_path / "there.py"
    path.write_text(textwrap.dedent(script))
    command = [sys.executable, str(path), str(REMOTE), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


class TestDump:
    """What cannot be pickled is told by name."""

    @pytest.mark.parametrize(
        ("args", "kwargs", "culprit"),
        [
            ((1, memoryview(b"")), {}, "argument 1 of divmod"),
            ((), {"x": memoryview(b"")}, "argument 'x' of divmod"),
        ],
    )
    def test_names_the_argument(self, args, kwargs, culprit):
        """The one that is to blame."""
        with pytest.raises(errors.PayloadError, match=culprit):
            payload.dump(divmod, args, kwargs)

    @pytest.mark.parametrize("base", [pickle.PicklingError, TypeError, errors.CallError])
    def test_the_error_is_what_callers_expect(self, base):
        """Whatever the standard library would have raised."""
        assert issubclass(errors.PayloadError, base)

    def test_deep_nesting_is_an_error_not_a_crash(self):
        """The interpreter's own limit, as a PayloadError."""
        deep = []
        for _ in range(100_000):
            deep = [deep]
        with pytest.raises(errors.PayloadError):
            payload.dump(len, (deep,), {})
        while deep:
            deep = deep.pop()

    @pytest.mark.parametrize(
        ("fn", "name"),
        [
            (abs, "abs"),
            (functools.partial(functools.partial(int), base=2), "int"),
            (json.dumps, "json.dumps"),
            ("x".upper, "str.upper"),
        ],
    )
    def test_names_for_people(self, fn, name):
        """Through partials, without builtins."""
        assert payload.name_of(fn) == name

    def test_function_keys_tell_functions_apart(self):
        """By place, not by identity; two lambdas of one line may share theirs."""
        one = [lambda x: x for _ in range(2)]
        other = lambda x: x  # noqa: E731
        assert payload.function_key(one[0]) == payload.function_key(one[1])
        assert payload.function_key(one[0]) != payload.function_key(other)


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

    def test_an_alien(self):
        """The stand-in for an exception that could not travel."""
        _, error = payload.load("alien", json.dumps(["m.Odd", "said", "the traceback\n"]).encode())
        assert isinstance(error, errors.RemoteError)
        assert (error.type_name, error.text) == ("m.Odd", "said")
        assert "the traceback" in str(error.__cause__)

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


class TestPickling:
    """dill with what it leaves out; between two processes in test_executor_promises.py."""

    def test_functions_that_call_each_other(self):
        """Self-reference in a closure and mutual recursion, which dill alone cannot follow."""

        def fibonacci(n):
            return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)

        assert pickling.loads(pickling.dumps(fibonacci))(10) == 55

    @pytest.mark.parametrize("value", [None, True, 3, 2.5, 1j, "ü", b"\0", bytearray(b"x")])
    def test_plain_values_are_plain_pickles(self, value):
        """Which any Python can read."""
        assert pickle.loads(pickling.dumps(value)) == value

    def test_a_module_of_the_same_name_on_both_ends(self):
        """Pickles made there find their helpers here."""
        assert sys.modules["_fcx_pickling"] is pickling

    def test_enums_of_main_travel_by_value_and_come_back_as_themselves(self, tmp_path):
        """Members, aliases, methods, own __init__, flags."""
        out = there(
            tmp_path,
            """
            import sys, subprocess, enum
            sys.path.insert(0, sys.argv[1])
            import pickling

            class Planet(enum.Enum):
                EARTH = (5.9, 6.4)
                MARS = (0.6, 3.4)
                TERRA = (5.9, 6.4)
                def __init__(self, mass, radius):
                    self.mass, self.radius = mass, radius
                @property
                def density(self):
                    return self.mass / self.radius**3
                @classmethod
                def heaviest(cls):
                    return max(cls, key=lambda p: p.mass)

            class Access(enum.Flag):
                R = enum.auto()
                W = enum.auto()

            def use(planet):
                assert planet.mass == 0.6 and Planet.TERRA is Planet.EARTH
                return Planet.heaviest(), Access.R | Access.W, planet

            data = pickling.dumps((use, (Planet.MARS,), {}))
            worker = '''
            import sys
            sys.path.insert(0, sys.argv[1])
            sys.modules["_fcx_pickling"] = __import__("pickling")
            import pickling, types
            sys.modules["__main__"] = types.ModuleType("__main__")
            fn, args, kwargs = pickling.loads(sys.stdin.buffer.read())
            sys.stdout.buffer.write(pickling.dumps(fn(*args, **kwargs), home=False))
            '''
            import textwrap
            done = subprocess.run([sys.executable, "-c", textwrap.dedent(worker), sys.argv[1]],
                                  input=data, stdout=subprocess.PIPE, check=True)
            back = pickling.loads(done.stdout)
            assert back == (Planet.EARTH, Access.R | Access.W, Planet.MARS), back
            assert back[0] is Planet.EARTH
            print("same")
            """,
        )
        assert out == "same\n"

    def test_enums_of_modules_travel_by_name(self):
        """They are there on both sides."""
        assert pickling.loads(pickling.dumps(enum.Flag)) is enum.Flag
