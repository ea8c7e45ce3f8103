"""map() over any submit: how far ahead it goes, in which order results come, what is cancelled."""

from __future__ import annotations

import itertools
import weakref
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout

import pytest

from fcx.executor import mapping


class Submit:
    """Futures that are done at once, or never."""

    def __init__(self, *, done=True):
        self.done = done
        self.futures = []

    def __call__(self, argument):
        future = Future()
        if self.done:
            future.set_result(argument * 10)
        self.futures.append(future)
        return future


def arguments(items):
    return zip(items)  # noqa: B905 - of one


@pytest.mark.parametrize(("buffersize", "ahead"), [(None, 6), (1, 1), (4, 4), (9, 6)])
def test_so_many_are_submitted_at_once(buffersize, ahead):
    """And one more for each result that is taken."""
    submit = Submit()
    results = mapping.mapped(submit, arguments(range(6)), None, buffersize)
    assert len(submit.futures) == ahead
    assert next(results) == 0
    assert len(submit.futures) == min(6, ahead + 1)
    assert list(results) == [10, 20, 30, 40, 50]


def test_a_source_without_an_end():
    """Nothing is taken of it that is not asked for."""
    source = itertools.count()
    results = mapping.mapped(Submit(), arguments(source), None, 2)
    assert list(itertools.islice(results, 3)) == [0, 10, 20]
    assert next(source) <= 6


def test_what_is_not_waited_for_is_cancelled():
    """The one that is late, and those behind it."""
    submit = Submit(done=False)
    results = mapping.mapped(submit, arguments(range(3)), 0.01, None)
    with pytest.raises(FutureTimeout):
        next(results)
    assert all(future.cancelled() for future in submit.futures)


def test_who_leaves_early_cancels_the_rest():
    """As the standard library does."""
    submit = Submit(done=False)
    results = mapping.mapped(submit, arguments(range(2)), None, None)
    submit.futures[0].set_result(1)
    assert next(results) == 1
    results.close()
    assert submit.futures[1].cancelled()


@pytest.mark.parametrize(
    ("chunksize", "buffersize", "error"),
    [(0, None, ValueError), (1, 0, ValueError), (1, -1, ValueError), (1, 2.5, TypeError)],
)
def test_sizes_that_cannot_be(chunksize, buffersize, error):
    """In the standard library's words."""
    with pytest.raises(error, match="chunksize must be|buffersize must be"):
        mapping.check(chunksize, buffersize)


def test_chunks():
    """Each is the only argument of its task; the last may be short."""
    assert list(mapping.chunks(range(5), 2)) == [([0, 1],), ([2, 3],), ([4],)]


def test_a_result_is_kept_by_nobody_but_who_took_it():
    """Nor by the iterator that waits to be asked for the next."""

    class Value:
        def __mul__(self, _):
            return Value()

    submit = Submit()
    results = mapping.mapped(submit, arguments([Value(), Value()]), None, None)
    submit.futures.clear()
    value = next(results)
    gone = weakref.ref(value)
    del value
    assert gone() is None
    assert list(results)


class TestItsEnd:
    """What is shown of a map is shown no longer than that is of use."""

    def ended(self, **given):
        """How often the end was told; what was raised."""
        ends = []
        usual = {"timeout": None, "chunksize": 1, "buffersize": None}
        submit = given.pop("submit", lambda _fn, *args: Submit()(*args))
        results = mapping.over(
            submit, abs, [[1, 2]], **{**usual, **given}, ends=lambda: ends.append(1)
        )
        return ends, results

    @pytest.mark.parametrize("chunksize", [1, 2])
    def test_nobody_asks_for_a_result(self, chunksize):
        """Called for what its tasks do."""
        ends, results = self.ended(chunksize=chunksize)
        assert not ends
        del results
        assert ends

    def test_what_cannot_be_submitted(self):
        """There is no iterator that could end."""
        ends = []

        def refuse(*_):
            raise ValueError

        with pytest.raises(ValueError):
            mapping.over(refuse, abs, [[1]], None, 1, None, lambda: ends.append(1))
        with pytest.raises(ValueError):
            mapping.over(refuse, abs, [[1]], None, 0, None, lambda: ends.append(1))
        assert ends == [1, 1]
