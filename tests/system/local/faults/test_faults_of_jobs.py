"""Faults of jobs on request: submissions and records that mislead, and what befalls jobs."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from conformance.exchanges import attempt
from conformance.servers import Server, until

EVER = 3600.0  # seconds that no test lasts


def listed(server: Server, name: str) -> list[dict[str, Any]]:
    """The jobs of a name; asked again where a crash before has left the connection broken."""
    try:
        return server.client.job_info(server.system, name=name)
    except httpx.TransportError:
        return server.client.job_info(server.system, name=name)


def test_a_limit_of_jobs_is_sbatchs_refusal(server, faults, place):
    """An error with Slurm's own words, and no job; the next is taken."""
    faults.set("submit", limit=1)
    answer = attempt(lambda: server.submit(place, "true", "--job-name=limited"))
    assert answer.status == 500
    assert "QOSMaxSubmitJobPerUserLimit" in str(answer)
    assert not listed(server, "limited")
    server.submit(place, "true", "--job-name=limited")


def test_a_ghost_submit_is_an_error_and_a_job(server, faults, place):
    """500, and yet the job runs; the next submit is an ordinary one."""
    faults.set("submit", ghost=1)
    answer = attempt(lambda: server.submit(place, "touch ran", "--job-name=ghost1"))
    assert (answer.status, "Channel not open for sending" in answer.value) == (500, True)
    until(lambda: listed(server, "ghost1"), what="the ghost")
    (job,) = listed(server, "ghost1")
    assert server.finished(job["jobId"])["status"]["state"] == "COMPLETED"
    assert server.client.stat(server.system, f"{place}/ran")
    assert server.submit(place, "true").isdigit()


def test_a_job_may_appear_long_after_its_submit_failed(server, faults, place):
    """Looking the name up for a while proves nothing."""
    faults.set("submit", appears=EVER, times=1)
    assert attempt(lambda: server.submit(place, "true", "--job-name=never1")).status == 500
    faults.set("submit", appears=0.5, times=1)
    assert attempt(lambda: server.submit(place, "true", "--job-name=late1")).status == 500
    until(lambda: listed(server, "late1"), what="the late job")
    assert listed(server, "never1") == []


def test_jobs_can_be_made_to_wait(server, faults, place):
    """PENDING for so long, then it runs."""
    faults.set("submit", pending=EVER, times=1)
    waits = server.submit(place, "true")
    faults.set("submit", pending=0.5, times=1)
    server.finished(server.submit(place, "true"))
    status = server.job(waits)["status"]
    assert (status["state"], status["stateReason"]) == ("PENDING", "BeginTime")
    server.client.cancel_job(server.system, waits)


def test_records_can_be_late(server, faults, place):
    """Not found for some seconds after submit, though the job is well."""
    faults.set("job", missing=EVER)
    job_id = server.submit(place, "true", "--job-name=missing1")
    assert listed(server, "missing1")
    assert server.job(job_id) is None
    faults.set("job", missing=0.2)
    server.finished(job_id)


def test_early_records_can_be_bogus(server, faults, place):
    """The name `allocation`, PENDING, exit code 0, no directory, while a step already runs."""
    faults.set("job", bogus=EVER)
    body = f"while [ ! -e {place}/go ]; do sleep 0.1; done; exit 3"
    job_id = server.submit(place, body, "--job-name=truth")
    early = until(
        lambda: (record := server.job(job_id)) and record["name"] == "allocation" and record,
        what="the bogus record",
    )
    assert early["status"]["state"] == "PENDING"
    assert early["status"]["exitCode"] == 0
    assert early["workingDirectory"] == ""
    assert early["tasks"]
    server.put(f"{place}/go", b"go")
    faults.clear()
    late = server.finished(job_id)
    assert (late["name"], late["status"]["exitCode"]) == ("truth", 3)


@pytest.mark.parametrize(
    ("effect", "state"),
    [
        ("fail_node", "NODE_FAIL"),
        ("preempt", "PREEMPTED"),
        ("run_out_of_memory", "OUT_OF_MEMORY"),
    ],
)
def test_jobs_can_be_ended(server, faults, place, effect, state):
    """A dead node, a job that matters more, too much memory: each has its state."""
    job_id = server.submit(place, "sleep 300", "--no-requeue")
    server.running(job_id)
    getattr(faults, effect)(job_id)
    assert server.finished(job_id)["status"]["state"] == state


@pytest.mark.parametrize("effect", ["fail_node", "preempt", "requeue"])
def test_requeued_jobs_run_again_under_the_same_id(server, faults, place, effect):
    """From the beginning, and they can know it."""
    body = "echo ${SLURM_RESTART_COUNT:-0} >> runs; test -e again && exit 0; touch again; sleep 300"
    job_id = server.submit(place, body, "--requeue")
    until(
        lambda: any(
            entry["name"] == "again" for entry in server.client.list_files(server.system, place)
        ),
        what="the first run",
    )
    getattr(faults, effect)(job_id)
    assert server.finished(job_id)["status"]["state"] == "COMPLETED"
    assert server.get(f"{place}/runs") == b"0\n1\n"


def test_what_befalls_jobs_can_be_left_to_chance(server, faults, place):
    """With probability 1 it always happens, and it is written down."""
    faults.set("run", node_fail=1.0)
    job_id = server.submit(place, "sleep 300", "--no-requeue")
    assert server.finished(job_id)["status"]["state"] == "NODE_FAIL"
    assert any(
        one["kind"] == "run" and one["effects"].get("job") == job_id for one in faults.injected()
    )
