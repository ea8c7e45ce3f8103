"""The names of a job's files."""

from __future__ import annotations

import pytest

from fcx.local.process import file_names
from fcx.local.process.nodes import Node
from fcx.local.users import user_name


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        (None, "/w/slurm-1.out"), ("out", "/w/out"), ("/abs/%j", "/abs/1"), ("%x-%5j", "/w/n-00001"),
        ("%N.%u", f"/w/fcx-node-2.{user_name()}"), ("100%%", "/w/100%"), ("%q", "/w/%q"),
    ],
)  # fmt: skip
def test_marks_are_filled_in(new_job, pattern, name):
    """Ids, names, padding; relative ones lie in the job's directory."""
    job = new_job(name="n", files={"output": pattern})
    job.begin([Node(1, 8)], 8)
    assert file_names.output(job) == name
    assert file_names.error(job) == name
    assert file_names.source(job) == "/dev/null"


def test_errors_may_have_a_file_of_their_own(new_job):
    """And the input may be one."""
    job = new_job(files={"output": "o", "error": "e-%j", "input": "i"})
    assert (file_names.output(job), file_names.error(job)) == ("/w/o", "/w/e-1")
    assert file_names.source(job) == "/w/i"
