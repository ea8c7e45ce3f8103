"""The simulator's scenarios on a real cluster: what they come to there is what they come to."""

from __future__ import annotations

import pytest
from scenarios.eligible import judged, why_not
from scenarios.expected import Expected
from scenarios.run import one
from simulation.faults import KNOWN
from simulation.seeds import drawn


def agrees(seed, folder, scheduler="process"):
    """Carried out as it is."""
    _, good, words = one(seed, folder / "scenario", scheduler)
    assert good, words


@pytest.mark.slow
def test_one_is_carried_out(tmp_path):
    """Three tasks whose job somebody else cancels."""
    agrees(182, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 183, 196, 262, 287, 299, 1733])
def test_more_are(tmp_path, seed):
    """Lost answers, pages of HTML, nodes that fail, results that are gone, a client that is killed."""
    agrees(seed, tmp_path)


@pytest.mark.slow
def test_one_that_begins_in_the_dark(tmp_path):
    """Who we are is remembered: the run waits for the server as long as for one that it has reached."""
    agrees(2008, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [127, 182, 196])
def test_on_a_real_slurm(tmp_path, seed, slurm):
    """The same seeds."""
    agrees(seed, tmp_path, "slurm")


def test_what_may_come_of_one_is_asked_of_the_simulator():
    """Seed 94: sbatch refuses each script, in the worlds in which the fault strikes at once."""
    expected = Expected(drawn(94, KNOWN)).see(4)
    assert {"JobRefused"} <= set().union(*(expected.fates(number) for number in range(5)))
    assert not expected.failures


def test_which_can_be_carried_out():
    """Enough of them, and each of the others for a reason in words."""
    reasons = [why_not(drawn(seed, KNOWN)) for seed in range(300)]
    assert 60 <= reasons.count("") <= 200
    assert judged(2)[1] == ""
