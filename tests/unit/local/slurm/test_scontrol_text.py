"""Reading what `scontrol show` prints, without a Slurm."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcx.local.scheduler import Record
from fcx.local.slurm import records
from fcx.local.slurm.scontrol import blocks

JOB = """\
JobId=4 JobName={name}
   UserId=root(0) GroupId=wheel(0) MCS_label=N/A
   Priority=4294901756 Nice=0 Account={account} QOS=(null)
   JobState={state} Reason={reason} Dependency=(null)
   Requeue=1 Restarts=0 BatchFlag=1 Reboot=0 ExitCode={exit}
   RunTime=1-02:03:04 TimeLimit={limit} TimeMin=N/A
   SubmitTime=1795356500 EligibleTime=1795356500
   AccrueTime=1795356500
   StartTime={start} EndTime=1795356600 Deadline=N/A
   Partition=debug AllocNode:Sid=vm:3166
   ReqNodeList=(null) ExcNodeList=(null)
   NodeList={nodes}
   BatchHost=nid001
   NumNodes=1 NumCPUs=1 NumTasks=1 CPUs/Task=1 ReqB:S:C:T=0:0:*:*
   Command=/tmp/a b=c.sh
   WorkDir={workdir}
   StdErr=/tmp/e x=y
   StdIn=/dev/null
   StdOut=/tmp/o
   Power=

"""
USUAL = {
    "name": "x", "account": "staff", "state": "COMPLETED", "reason": "None", "exit": "0:0",
    "limit": "01:00:00", "start": "1795356500", "nodes": "nid001",
    "workdir": "/work dir/q=1 Reason=z",
}  # fmt: skip


def show(**changes: str) -> str:
    """What scontrol would print of a job."""
    return JOB.format(**{**USUAL, **changes})


def record(cancelled_by: str | None = None, **changes: str) -> Record:
    """The record of a job like that."""
    (job,) = blocks(show(**changes), "JobId")
    return records.job_record(job, cancelled_by)


def test_values_that_run_to_the_end_of_their_line() -> None:
    """Names and paths may hold spaces and equals signs."""
    (job,) = blocks(show(), "JobId")
    assert job["WorkDir"] == "/work dir/q=1 Reason=z"
    assert job["Command"] == "/tmp/a b=c.sh"
    assert job["StdErr"] == "/tmp/e x=y"
    assert job["Reason"] == "None"
    assert job["Dependency"] == "(null)"
    assert job["ReqB:S:C:T"] == "0:0:*:*"
    assert job["AllocNode:Sid"] == "vm:3166"


plain = st.text(st.characters(exclude_characters="\n", exclude_categories=("Cs",)), max_size=60)


@given(name=plain, workdir=plain)
def test_no_name_or_path_changes_another_field(name: str, workdir: str) -> None:
    """Whatever a user calls a job or a directory, the rest of its record is as it was."""
    usual = record()
    odd = record(name=name, workdir=workdir)
    for key in usual.keys() - {"name", "workingDirectory"}:
        assert odd[key] == usual[key]
    assert odd["name"] == name


def test_a_line_break_in_a_name_does_not_forge_a_state() -> None:
    """Slurm lets such a name pass; the true lines follow it and win."""
    forged = record(name="x\n   JobState=RUNNING Reason=mine\n   UserId=else(7)")
    assert forged["status"]["state"] == "COMPLETED"
    assert forged["user"] == "root"


def test_several_jobs() -> None:
    """One after the other, each with its own fields."""
    jobs = list(blocks(show(name="a") + show(name="b", account="(null)"), "JobId"))
    assert [job["JobName"] for job in jobs] == ["a", "b"]
    assert records.job_record(jobs[1])["account"] is None


def test_nothing_at_all() -> None:
    """No jobs, no records."""
    assert list(blocks("No jobs in the system\n", "JobId")) == []


@pytest.mark.parametrize("state", ["RUNNING", "COMPLETING", "CONFIGURING"])
def test_a_job_under_way(state: str) -> None:
    """RUNNING in sacct's form: no end, exit code 0 that means nothing, one step."""
    job = record(state=state, exit="0:15")
    assert job["status"] == {
        "state": "RUNNING", "stateReason": "None", "exitCode": 0, "interruptSignal": 0,
    }  # fmt: skip
    assert job["time"]["end"] is None
    assert [task["status"]["state"] for task in job["tasks"]] == ["RUNNING"]


def test_a_waiting_job() -> None:
    """PENDING in squeue's form: the reason, no exit code, no step."""
    job = record(state="PENDING", reason="Resources", start="Unknown", nodes="(null)")
    assert job["status"] == {
        "state": "PENDING", "stateReason": "Resources", "exitCode": None, "interruptSignal": None,
    }  # fmt: skip
    assert (job["tasks"], job["nodes"], job["time"]["start"]) == ([], "", None)


@pytest.mark.parametrize(
    ("state", "status", "want", "batch"),
    [
        ("FAILED", "3:0", (3, 0), ("FAILED", 3, 0)),
        ("FAILED", "0:9", (0, 9), ("CANCELLED", 0, 9)),
        ("TIMEOUT", "0:15", (0, 0), ("CANCELLED", 0, 15)),
        ("NODE_FAIL", "0:15", (0, 0), ("CANCELLED", 0, 15)),
        ("OUT_OF_MEMORY", "0:125", (0, 125), ("OUT_OF_MEMORY", 0, 125)),
    ],
)
def test_ends(state: str, status: str, want: tuple[int, int], batch: tuple[str, int, int]) -> None:
    """Exit code and signal of the job and of its batch step, as the real accounting has them."""
    job = record(state=state, exit=status)
    said = job["status"]
    assert (said["state"], said["exitCode"], said["interruptSignal"]) == (state, *want)
    step = job["tasks"][0]["status"]
    assert (step["state"], step["exitCode"], step["interruptSignal"]) == batch


def test_cancelled_by_whom() -> None:
    """The uid where it is known."""
    assert record(state="CANCELLED")["status"]["state"] == "CANCELLED"
    known = record("1001", state="CANCELLED")
    assert known["status"]["state"] == "CANCELLED by 1001"
    assert known["killRequestUser"] == "1001"
    assert record("1001", state="FAILED")["killRequestUser"] is None


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("00:00:00", 0), ("01:00:00", 3600), ("1-02:03:04", 93784), ("10-00:00:00", 864000),
        ("05:30", 330), ("UNLIMITED", None), ("Partition_Limit", None), ("", None), (None, None),
    ],
)  # fmt: skip
def test_durations(said: str | None, seconds: int | None) -> None:
    """Slurm's durations in seconds."""
    assert records.seconds(said) == seconds


def test_node_states() -> None:
    """States with flags and marks, in the words that the API has."""
    shown = "NodeName=n1 Arch=x86_64\n   CPUAlloc=2 CPUTot=8 CPULoad=N/A\n   State={}\n"
    for state, want in {
        "IDLE": ["IDLE"], "IDLE+DRAIN": ["IDLE", "DRAIN"], "DOWN*": ["DOWN"],
        "MIXED+COMPLETING": ["MIXED", "COMPLETING"], "FUTURE": ["UNKNOWN"],
    }.items():  # fmt: skip
        (node,) = blocks(shown.format(state), "NodeName")
        found = records.node_record(node)
        assert found["state"] == want
        assert (found["idleCpus"], found["cpuLoad"]) == (6, None)
