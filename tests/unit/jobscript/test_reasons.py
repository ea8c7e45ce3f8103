"""Slurm's reasons in words."""

from __future__ import annotations

import pytest

from fcx.jobscript.reasons import in_words


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("", "in the queue"),
        ("None", "in the queue"),
        ("Priority", "jobs of a higher priority come first"),
        ("Resources", "for free nodes"),
        ("(Resources)", "for free nodes"),
        ("Dependency", "for another job to end"),
        ("BeginTime", "its time has not come"),
        ("QOSMaxJobsPerUserLimit", "a limit on what may run at once"),
        ("AssocGrpCPUMinutesLimit", "the budget of node hours of the account is used up"),
        ("JobHeldUser", "it is held"),
        ("ReqNodeNotAvail, UnavailableNodes:nid001", "its nodes are down, drained or reserved"),
        ("SomethingNew", "SomethingNew"),
    ],
)
def test_reasons(reason: str, words: str):
    """What is known in words, anything else as Slurm says it."""
    assert in_words(reason).startswith(words)
