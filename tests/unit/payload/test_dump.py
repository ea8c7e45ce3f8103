"""Tasks to bytes: what cannot be pickled is told by name."""

from __future__ import annotations

import functools
import json
import pickle

import pytest

from fcx import errors
from fcx.payload import dump as payload


def wide(x, y=0):
    return x + y


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

    @pytest.mark.parametrize("base", [pickle.PicklingError, TypeError, errors.TaskError])
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

    @pytest.mark.parametrize("carried", [functools.partial(wide, 1), functools.partial(functools.partial(payload.run_chunk(), wide))])  # fmt: skip
    def test_what_carries_a_function_is_known_as_that(self, carried):
        """A partial, and what map makes of chunks."""
        one, other = payload.Named.of(carried), payload.Named.of(wide)
        assert (one.name, one.code) == (other.name, other.code)
        assert len(one.code) == 64

    def test_a_chunk_takes_another_time_than_its_function(self):
        """What is remembered of one says nothing of the other."""
        chunked = functools.partial(payload.run_chunk(), wide)
        assert payload.function_key(chunked) != payload.function_key(wide)

    def test_function_keys_tell_functions_apart(self):
        """By place, not by identity; two lambdas of one line may share theirs."""
        one = [lambda x: x for _ in range(2)]
        other = lambda x: x  # noqa: E731
        assert payload.function_key(one[0]) == payload.function_key(one[1])
        assert payload.function_key(one[0]) != payload.function_key(other)
