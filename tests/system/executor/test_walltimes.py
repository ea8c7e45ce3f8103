"""A walltime is a limit: what takes longer is ended, alone, and says so."""

from __future__ import annotations

import time

from executors.deadline import WAIT

from fcx import errors


def talks(seconds):
    """Prints, then takes its time."""
    print("begun", flush=True)
    time.sleep(seconds)
    return seconds


def counts(walltime):
    """A function of the user's that has an argument of that name."""
    return walltime


def test_a_task_that_takes_longer_is_ended_and_its_neighbour_is_not(make):
    """Its error names the walltime; what it had printed is there; it is not tried again."""
    with make(workers_per_node=2) as executor:
        slow = executor.submit(talks, 60, walltime=1.5)
        beside = executor.submit(talks, 4)
        error = slow.exception(WAIT)
        assert isinstance(error, errors.TimeLimitExceeded)
        assert "walltime of 1.5 s" in str(error)
        assert slow.stdout() == "begun\n"
        assert len(slow.attempts) == 1
        assert beside.result(WAIT) == 4
        assert len(beside.attempts) == 1
        assert executor.submit(talks, 0, walltime=30).result(WAIT) == 0


def test_an_argument_of_that_name_is_the_functions(ex):
    """As it is with key=."""
    assert ex.submit(counts, walltime=0.001).result(WAIT) == 0.001
