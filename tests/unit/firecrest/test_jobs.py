"""What Slurm says of a job, out of what servers send."""

from __future__ import annotations

import pytest

from fcx.firecrest.answers import read_jobs
from fcx.firecrest.jobs import JobState


def state_of(record):
    """The state in one record of an answer."""
    (read,) = read_jobs([record])
    return JobState.of(read)


class TestJobState:
    """JobState.of(): what servers send."""

    @pytest.mark.parametrize(
        ("sent", "state", "ended"),
        [
            ("CANCELLED by 1001", "CANCELLED", True),
            ("COMPLETED", "COMPLETED", True),
            (["RUNNING"], "RUNNING", False),
            (["RUNNING", "COMPLETED"], "RUNNING", False),
            (["COMPLETED", "COMPLETED"], "COMPLETED", True),
            ("NODE_FAIL+", "NODE_FAIL", True),
            (None, "PENDING", False),
            ([], "PENDING", False),
        ],
    )
    def test_states(self, sent, state, ended):
        """Texts, lists of them, and what follows them."""
        found = state_of({"jobId": 7, "name": "n", "status": {"state": sent}})
        assert (found.job, found.state, found.terminal) == ("7", state, ended)

    def test_who_cancelled_it(self):
        """The number that Slurm gives, and nothing else that may stand there."""
        for sent, user in (("CANCELLED by 1001", "1001"), ("CANCELLED by x", ""), (["FAILED"], "")):
            assert state_of({"jobId": 7, "status": {"state": sent}}).user == user

    @pytest.mark.parametrize(
        ("state", "began", "ended"),
        [
            ("PENDING", 0.0, 0.0),
            ("REQUEUED", 0.0, 0.0),
            ("REQUEUE_HOLD", 0.0, 0.0),
            ("RUNNING", 1000.0, 0.0),
            ("COMPLETED", 1000.0, 2000.0),
        ],
    )
    def test_what_slurm_only_expects_is_not_told(self, state, began, ended):
        """A job that waits has not begun, though its start is estimated; one that runs goes on."""
        times = {"start": 1000, "end": 2000}
        found = state_of({"jobId": 7, "status": {"state": state}, "time": times})
        assert (found.began, found.ended) == (began, ended)

    @pytest.mark.parametrize("record", [{"jobId": 7}, {"jobId": 7, "status": None, "name": None}])
    def test_bogus_early_records(self, record):
        """A record without a status says nothing of the job's end."""
        assert not state_of(record).terminal
