"""What befalls jobs of the process back end by a test's hand; and nothing is left behind."""

from __future__ import annotations

from pathlib import Path

import pytest
from workbench import alive, until


@pytest.mark.slow
def test_a_node_failure_requeues_unless_forbidden(bench):
    """Every process is killed at once."""
    again = bench.submit('echo $$ >> again; [ -n "$SLURM_RESTART_COUNT" ] || sleep 300', "-N 1")
    never = bench.submit("echo $$ > never; sleep 300", "-N 1", "--no-requeue")
    for name in ("again", "never"):
        bench.appears(name)
    bench.env.faults.fail_node(never)
    bench.env.faults.fail_node(again)
    assert bench.state(never) == "NODE_FAIL"
    assert bench.ended(again)["status"]["state"] == "COMPLETED"
    assert len((bench.folder / "again").read_text().split()) == 2
    assert not alive(int((bench.folder / "never").read_text()))


@pytest.mark.parametrize(
    ("fault", "state"), [("preempt", "PREEMPTED"), ("run_out_of_memory", "OUT_OF_MEMORY")]
)
def test_jobs_can_be_made_to_go_wrong(bench, fault, state):
    """By the hand of a test."""
    job_id = bench.submit(f"echo up > {fault}; sleep 300", "--no-requeue")
    bench.appears(fault)
    getattr(bench.env.faults, fault)(job_id)
    assert bench.ended(job_id)["status"]["state"] == state


@pytest.mark.slow
def test_many_jobs_leave_nothing_behind(bench):
    """No child, no file descriptor."""

    def held() -> tuple[int, list[str]]:
        server = f"/proc/{bench.env.pid}"
        children = Path(f"{server}/task/{bench.env.pid}/children").read_text().split()
        return len(list(Path(f"{server}/fd").iterdir())), children

    bench.ended(bench.submit("true"))
    before = until(lambda: held() if not held()[1] else None)
    ids = [bench.submit("(setsid sleep 300 &); srun true", "-n 1") for _ in range(40)]
    assert {bench.ended(job_id)["status"]["state"] for job_id in ids} == {"COMPLETED"}
    until(lambda: not held()[1] and held()[0] <= before[0] + 1)
