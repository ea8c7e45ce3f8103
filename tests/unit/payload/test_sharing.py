"""What a task shares leaves its pickle, and stands in its place again where the task runs."""

from __future__ import annotations

import functools
import pickle

import numpy as np
import pytest
from pickled import by_value
from taking import lay_down, said

from fcx.errors import PayloadError
from fcx.payload.contents import Contents
from fcx.payload.dump import dump
from fcx.payload.needs import RequirementsCache
from fcx.payload.shared import SharedObject, put
from fcx.payload.sharing import LARGE, Sharing


@pytest.fixture
def sharing():
    """How the tasks of one run are pickled."""
    return of(Contents())


def of(contents):
    """As an executor has it."""
    return Sharing(contents, {SharedObject: lambda each: each.supply_in(contents)})


def call(sharing, fn, *args, **kwargs):
    """A call as it is pickled."""
    return dump(fn, args, kwargs, sharing)


def ran(tmp_path, parcel):
    """What the call gives in another process."""
    lay_down(tmp_path, parcel.contents, 1_000_000)
    return said(tmp_path, parcel)


ARRAY = "numpy.arange(300_000.0)"
LARGE_ONES = {
    "array": (ARRAY, 1),
    "read-only": ("numpy.frombuffer(bytes(3_000_000), dtype='u1')", 1),
    "fortran": ("numpy.asfortranarray(numpy.arange(400_000.0).reshape(800, 500))", 1),
    "every other": ("numpy.arange(600_000.0)[::2]", 1),
    "of records": ("numpy.zeros(100_000, dtype=[('a', 'f8'), ('b', 'i8')])", 1),
    "nested": ("{'a': [numpy.arange(300_000.0)], 'b': (numpy.arange(300_000.0),)}", 1),
    "bytes": ("b'x' * 2_000_000", 1),
    "bytearray": ("bytearray(2_000_000)", 1),
    "ascii": ("'x' * 2_000_000", 1),
    "text": ("'\\u00e9\\ud800' * 500_000", 1),
    "of objects": ("numpy.array(['x'] * 10, dtype=object)", 0),
    "small": ("numpy.arange(1000.0)", 0),
    "middling": ("numpy.arange(12_500.0)", 0),
    "middling, read-only": ("numpy.frombuffer(bytes(100_000), dtype='u1')", 0),
    "middling, fortran": ("numpy.asfortranarray(numpy.arange(20_000.0).reshape(100, 200))", 0),
    "middling, of records": ("numpy.zeros(9_000, dtype=[('a', 'f8'), ('b', 'i8')])", 0),
    "middling, nested": ("{'a': [numpy.arange(12_500.0)], 'b': (numpy.arange(12_500.0),)}", 0),
    "middling bytes": ("b'x' * 100_000", 0),
    "middling bytearray": ("bytearray(100_000)", 0),
    "middling text": ("'\\u00e9' * 100_000", 0),
    "huge number": ("1 << 9_000_000", 0),
    "a pickle": ("__import__('pickle').dumps(['a'] * 600_000)", 1),
}


class TestLargeOnes:
    """Found by themselves, and as they were where the task runs."""

    @pytest.mark.parametrize("name", LARGE_ONES)
    def test_are_what_they_were(self, sharing, tmp_path, name):
        """Type, bytes, flags; next to others."""
        source, count = LARGE_ONES[name]
        value = eval(source, {"numpy": np})  # noqa: S307 - of this file
        fn = by_value(
            f"""
            def f(a, value, b):
                import numpy
                wanted = {source}
                if isinstance(wanted, dict):
                    same = repr(value) == repr(wanted)
                elif not isinstance(wanted, numpy.ndarray):
                    same = value == wanted
                else:
                    same = bool((value == wanted).all()) and value.dtype == wanted.dtype
                    same = same and value.flags.writeable == wanted.flags.writeable
                return type(value) is type(wanted), same, a, b
            """
        )
        parcel = call(sharing, fn, "before", value, "after")
        assert ran(tmp_path, parcel) == "(True, True, 'before', 'after')"
        assert len(parcel.contents) == count
        assert len(parcel.data) < 3 * LARGE

    def test_wherever_they_stand(self, sharing, tmp_path):
        """In a partial, a closure, a default, a global, an attribute: one content."""
        array = np.arange(300_000.0)
        fn = by_value(
            """
            class Holder:
                pass
            def make(array):
                def f(a, h, b, default=array):
                    return float(sum(each[3] for each in (a, h.array, b, default, array)))
                return f
            """,
            "make",
        )
        holder = type("Holder", (), {"__module__": "__main__"})()
        holder.array = array
        parcel = call(sharing, functools.partial(fn(array), array), holder, b=array.copy())
        assert ran(tmp_path, parcel) == "15.0"
        assert len(parcel.contents) == 1

    def test_the_same_one_twice_is_one(self, sharing, tmp_path):
        """As in any pickle; an equal one is another."""
        array, text = np.arange(300_000.0), "x" * 2_000_000
        fn = by_value(
            """
            def f(a, b, c, d, s, t):
                a[0] = 7
                return a is b, b[0], a is c, c[0], d[0], s is t
            """
        )
        parcel = call(sharing, fn, array, array, array.copy(), array[:], text, text)
        told = ran(tmp_path, parcel).replace("np.float64(", "").replace(")", "").strip("(")
        assert told == "True, 7.0, False, 0.0, 0.0, True"
        assert len(parcel.contents) == 2

    def test_writable_stays_writable(self, sharing, tmp_path):
        """And what was read-only, read-only."""
        free, fixed = np.arange(300_000.0), np.arange(300_001.0)
        fixed.flags.writeable = False
        fn = by_value("def f(a, b): return a.flags.writeable, b.flags.writeable")
        assert ran(tmp_path, call(sharing, fn, free, fixed)) == "(True, False)"

    def test_small_tasks_are_plain_pickles(self, sharing):
        """Nothing is put around them."""
        parcel = call(sharing, divmod, 7, 3)
        assert parcel.payload() == parcel.data
        assert pickle.loads(parcel.data) == (divmod, (7, 3), {})

    def test_what_repeats_is_the_same_payload(self, sharing):
        """A thousand of them are small, and have one content."""
        array = np.arange(300_000.0)
        parcels = [call(sharing, abs, array) for _ in range(20)]
        assert len({parcel.payload() for parcel in parcels}) == 1
        assert len({id(each) for parcel in parcels for each in parcel.contents}) == 1
        assert len(parcels[0].payload()) < 10_000


@pytest.mark.parametrize("size", [65_535, 65_536, 65_537, LARGE - 1, LARGE, LARGE + 1])
def test_arrays_of_any_size(sharing, tmp_path, size):
    """Shared from some size on; as they are before."""
    parcel = call(sharing, by_value("def f(a, b): return len(a), a[-1], b"), np.ones(size, "u1"), 7)
    assert ran(tmp_path, parcel) == f"({size}, {np.ones(1, 'u1')[0]!r}, 7)"
    assert len(parcel.contents) == (size >= LARGE)


class TestPut:
    """Objects that were put."""

    def test_stands_for_its_object(self, sharing, tmp_path):
        """Anywhere in a call, as itself."""
        array = np.arange(300_000.0)
        shared = put({"array": array, "n": 3}, sharing)
        fn = by_value(
            "def f(a, b, c):\n return float(a['array'][5]), a is b[0], c(), type(a).__name__"
        )
        make = by_value(
            "def make(shared):\n    def get(): return shared['n']\n    return get", "make"
        )
        parcel = call(sharing, fn, shared, [shared], make(shared))
        assert ran(tmp_path, parcel) == "(5.0, True, 3, 'dict')"
        assert len(parcel.contents) == 2
        assert len(parcel.data) < 2000

    def test_is_taken_when_it_is_put(self, sharing, tmp_path):
        """What becomes of it at the client afterwards changes no task."""
        mine = [1, 2, 3]
        shared = put(mine, sharing)
        mine.append(4)
        assert ran(tmp_path, call(sharing, len, shared)) == "3"

    def test_within_another(self, sharing, tmp_path):
        """A reference may be put, too."""
        inner = put(np.arange(300_000.0), sharing)
        outer = put({"inner": inner}, sharing)
        fn = by_value("def f(outer): return float(outer['inner'][4])")
        assert ran(tmp_path, call(sharing, fn, outer)) == "4.0"

    def test_of_another_run(self, sharing):
        """It does not lie in this one's directory."""
        shared = put([1], of(Contents()))
        with pytest.raises(PayloadError, match=r"SharedObject list.*another executor"):
            call(sharing, len, shared)

    def test_elsewhere(self, sharing):
        """It is no object of pickle's."""
        with pytest.raises(PayloadError, match="give it to submit"):
            pickle.dumps(put([1], sharing))

    def test_what_cannot_be_pickled(self, sharing):
        """Is refused at once."""
        with pytest.raises(PayloadError, match="The object, a list, cannot be pickled"):
            put([memoryview(b"")], sharing)

    def test_its_modules_are_those_of_the_tasks_that_take_it(self, sharing, project):
        """They travel along, and are judged."""
        import importlib

        project({"ofmine.py": "import wave\nclass Thing:\n    pass\n"})
        shared = put(importlib.import_module("ofmine").Thing(), sharing)
        parcel = call(sharing, repr, shared)
        cache = RequirementsCache()
        assert [one.name for one in cache.needs(repr, parcel.data, parcel.looked).shipped] == [
            "ofmine"
        ]
        assert not cache.needs(repr, parcel.data).shipped

    def test_tells_what_it_is(self, sharing):
        """Type, size, digest."""
        shared = put(bytes(2_000_000), sharing)
        assert repr(shared).startswith("<SharedObject bytes, 2.0 MB, ")
        assert shared.digest[:8] in repr(shared)
