"""`--dependency`: met, not yet, or never."""

from __future__ import annotations

import pytest

from fcx.local.process.dependency import judge, valid


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("afterok:1", True), ("afterany:1:2+5", True), ("after:1,afternotok:2", True),
        ("afterok:1?afterok:2", True), ("singleton", True),
        ("afterok", False), ("afterok:x", False), ("before:1", False), ("", False),
    ],
)  # fmt: skip
def test_which_clauses_sbatch_takes(text, taken):
    """Kinds with ids, joined by `,` or `?`, and singleton."""
    assert valid(text) is taken


@pytest.mark.parametrize(
    ("clause", "verdict"),
    [
        ("afterok:1", "met"), ("afterok:2", "never"), ("afterok:3", "waiting"),
        ("afternotok:1", "never"), ("afternotok:2", "met"), ("afterany:2", "met"),
        ("after:3", "met"), ("after:4", "waiting"), ("afterok:99", "met"),
        ("afterok:1,afterok:2", "never"), ("afterok:1?afterok:2", "met"),
        ("afterok:3?afterok:2", "waiting"), ("afterok:1:2", "never"), ("singleton", "waiting"),
    ],
)  # fmt: skip
def test_a_clause_is_judged_by_what_became_of_others(new_job, clause, verdict):
    """Job 1 has completed, 2 has failed, 3 runs, 4 waits; there is no 99."""
    completed, failed, runs, waits = (new_job(name=name) for name in "abcd")
    completed.be_over("COMPLETED")
    failed.be_over("FAILED")
    runs.begin([], 1)
    follows = new_job(name="c", timing={"dependency": clause})
    jobs = {job.id: job for job in (completed, failed, runs, waits, follows)}
    assert judge(follows, jobs) == verdict
