"""How long a function says that it takes."""

from __future__ import annotations

import pytest

from fcx.errors import OptionError, UsageError
from fcx.executor.walltime import checked, of_function


def said(value):
    """A function that says so."""

    def work():
        """Nothing."""

    if value is not None:
        work.walltime = value
    return work


@pytest.mark.parametrize(
    ("value", "seconds"), [(None, None), (600, 600.0), (0.5, 0.5), ("1:00", None), (0, 0.0)]
)
def test_seconds(value, seconds):
    """Or nothing; a word of somebody else's is not for us."""
    assert of_function(said(value)) == seconds


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), 10**400])
def test_what_no_task_can_take(value):
    """Agents could not compare it with what is left of their job, and would never begin the task."""
    with pytest.raises(UsageError, match="give seconds, or leave it out"):
        of_function(said(value))


def test_an_argument_is_a_time_or_is_refused():
    """A limit of no time at all would end each task as it begins."""
    assert checked(None) is None
    assert checked(90) == 90.0
    for odd in (0, -1, True, "1:00", float("nan"), float("inf")):
        with pytest.raises(OptionError, match="no time that a task can take"):
            checked(odd)
