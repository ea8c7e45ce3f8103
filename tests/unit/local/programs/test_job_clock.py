"""What a job's clock has to say, and when it wants to be asked again."""

from __future__ import annotations

from typing import Any

from fcx.local.programs.supervisor.clock import MEMORY_PERIOD, Clock

EVER = 3600.0
WARNING = {"number": 10, "before": 60.0, "shell_only": True}


def clock(**job: Any) -> Clock:
    """The clock of a job that begins now."""
    return Clock({"limit": None, "warn": None, "memory": None, **job})


def test_without_limits_there_is_nothing_to_say():
    """It need not be asked again."""
    quiet = clock()
    assert not quiet.over
    assert not quiet.killing
    assert quiet.warning() is None
    assert quiet.pause() is None


def test_memory_is_looked_at_now_and_then():
    """With a limit of it."""
    assert clock(memory=1).pause() == MEMORY_PERIOD


def test_a_limit_is_over_when_it_is_reached_unless_the_job_goes_already():
    """Then its grace counts alone."""
    assert not clock(limit=EVER).over
    reached = clock(limit=0.0)
    assert reached.over
    assert reached.grace(EVER)
    assert not reached.over
    assert not reached.killing


def test_a_warning_is_given_once_before_the_limit():
    """When its time has come."""
    assert clock(limit=EVER, warn=WARNING).warning() is None
    near = clock(limit=30.0, warn=WARNING)
    assert near.warning() == WARNING
    assert near.warning() is None
    assert not near.over


def test_grace_can_be_cut_short_and_not_be_drawn_out():
    """The earlier end counts; only the first one is news."""
    going = clock()
    assert going.grace(EVER)
    assert not going.grace(2 * EVER)
    assert going.pause() <= EVER
    assert not going.killing
    assert not going.grace(0.0)
    assert going.killing
    assert going.pause() == 0.0
