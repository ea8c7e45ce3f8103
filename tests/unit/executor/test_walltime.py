"""How long a function says that it takes."""

from __future__ import annotations

import pytest

from fcx.errors import UsageError
from fcx.executor.intake import walltime


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
    assert walltime(said(value)) == seconds


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), 10**400])
def test_what_no_task_can_take(value):
    """Agents could not compare it with what is left of their job, and would never begin the task."""
    with pytest.raises(UsageError, match="give seconds, or leave it out"):
        walltime(said(value))
