"""What the core only names is found again under its number."""

from __future__ import annotations

import pytest

from fcx.executor.store import Numbered


def test_no_number_is_given_twice():
    """Not even when others were taken meanwhile: each still names what it named."""
    kept: Numbered[str] = Numbered()
    assert [kept.keep(thing) for thing in "abc"] == [1, 2, 3]
    assert kept.take(1) == "a"
    assert kept.keep("d") == 4
    assert [kept.take(number) for number in (3, 4, 2)] == ["c", "d", "b"]


def test_what_was_taken_is_not_there():
    """Nor is what was never kept: 0 stands for nothing."""
    kept: Numbered[str] = Numbered()
    number = kept.keep("a")
    assert (kept.get(number), kept.get(0)) == ("a", None)
    kept.take(number)
    assert kept.get(number) is None
    with pytest.raises(KeyError):
        kept.take(number)
