"""pyfirecrest's v2 clients: jobs."""

from __future__ import annotations

import pytest
from conformance.refusals import refusal
from conformance.servers import ENDED, script, until
from firecrest.FirecrestException import JobTimeoutException

pytest_plugins = ["conformance.fixtures"]


def test_a_job_runs_and_leaves_its_output(client, server, place):
    """Script, output, environment, directory and exit code are as sbatch has them."""
    body = 'echo "$A|$B|$PWD|$SLURM_JOB_NAME"; echo bad >&2'
    job = client.submit(
        server.system,
        place,
        script_str=script(body, "--job-name=conf", "--output=o-%j", "--error=e-%j", "--time=10"),
        env_vars={"A": "one", "B": "two words;x"},
        account=server.account,
    )
    record = server.finished(job["jobId"])
    assert record["status"]["state"] == "COMPLETED"
    assert record["status"]["exitCode"] == 0
    assert (record["name"], record["jobId"]) == ("conf", job["jobId"])
    assert record["workingDirectory"] == place
    assert record["time"]["limit"] == 600
    assert record["time"]["end"] >= record["time"]["start"]
    assert record["allocationNodes"] == 1
    assert record["user"] == client.userinfo(server.system)["user"]["name"]
    out = client.view(server.system, f"{place}/o-{job['jobId']}")
    assert out == f"one|two words;x|{place}|conf\n"
    assert client.view(server.system, f"{place}/e-{job['jobId']}") == "bad\n"


def test_a_finished_job_has_its_batch_step(client, server, place):
    """Once the accounting has it, the record shows the batch step with state and times."""
    job_id = server.submit(place, "true", "--job-name=steps")
    server.finished(job_id)
    (record,) = client.job_info(server.system, job_id)
    batch = next(task for task in record["tasks"] if task["name"] == "batch")
    assert batch["id"] == f"{job_id}.batch"
    assert batch["status"]["state"] == "COMPLETED"
    assert set(batch["time"]) == set(record["time"])


def test_job_metadata_gives_script_and_paths(client, server, place):
    """While the scheduler knows the job, its script comes back letter for letter."""
    text = script("true", "--job-name=meta")
    job = client.submit(server.system, place, script_str=text, account=server.account)
    (meta,) = client.job_metadata(server.system, job["jobId"])
    assert meta == {
        "jobId": job["jobId"],
        "script": text,
        "standardInput": "/dev/null",
        "standardOutput": f"{place}/slurm-{job['jobId']}.out",
        "standardError": f"{place}/slurm-{job['jobId']}.out",
    }
    server.finished(job["jobId"])


def test_scripts_of_the_client_and_of_the_cluster(client, server, place, tmp_path):
    """A local file is read and sent; a remote one is named by its path."""
    (tmp_path / "job.sh").write_text(script("echo local", "--output=local"))
    server.put(f"{place}/job.sh", script("echo remote", "--output=remote").encode())
    local = client.submit(
        server.system, place, script_local_path=str(tmp_path / "job.sh"), account=server.account
    )
    remote = client.submit(
        server.system, place, script_remote_path=f"{place}/job.sh", account=server.account
    )
    for job, word in ((local, "local"), (remote, "remote")):
        assert server.finished(job["jobId"])["status"]["state"] == "COMPLETED"
        assert client.view(server.system, f"{place}/{word}") == f"{word}\n"


def test_wait_for_job_returns_the_record(client, server, place):
    """The loop of pyfirecrest comes to its end."""
    job = client.submit(server.system, place, script_str=script("true"), account=server.account)
    (record,) = client.wait_for_job(server.system, job["jobId"], timeout=60)
    assert record["status"]["state"] == "COMPLETED"


def test_wait_for_job_cancels_on_timeout(client, server, place):
    """When the caller's patience ends, so does the job."""
    job = client.submit(
        server.system, place, script_str=script("sleep 300"), account=server.account
    )
    with pytest.raises(JobTimeoutException):
        client.wait_for_job(server.system, job["jobId"], timeout=1)
    assert server.finished(job["jobId"])["status"]["state"].startswith("CANCELLED")


@pytest.mark.slow
def test_cancel_ends_a_running_job(client, server, place):
    """It is cancelled by the user's id; a second time it is refused, in scancel's words."""
    job_id = server.submit(place, "sleep 300", "--job-name=cancel")
    server.running(job_id)
    assert client.cancel_job(server.system, job_id) == {}
    state = server.finished(job_id)["status"]["state"]
    user = client.userinfo(server.system)["user"]["id"]
    assert state in (f"CANCELLED by {user}", "CANCELLED")
    status, message = refusal(client.cancel_job, server.system, job_id)
    assert status == 500
    assert message == (
        f"Unexpected Slurm command response. exit_status:0 std_err:scancel: Terminating job "
        f"{job_id}\nscancel: error: Kill job error on job id {job_id}: "
        "Job/step already completing or completed\n"
    )


def test_attach_runs_a_command_inside_a_job(client, server, place):
    """It sees the job's own variables."""
    job_id = server.submit(place, "sleep 300", "--job-name=attach")
    server.running(job_id)
    try:
        command = f"bash -c 'echo $SLURM_JOB_ID > {place}/mark'"
        assert client.attach_to_job(server.system, job_id, command) == {}
        assert server.get(f"{place}/mark") == f"{job_id}\n".encode()
    finally:
        server.client.cancel_job(server.system, job_id)
    server.finished(job_id)


def test_job_info_lists_all_or_by_name(client, server, place):
    """The list holds each of the user's jobs; a name narrows it."""
    name = f"only-{place[-6:]}"
    job_id = server.submit(place, "true", f"--job-name={name}")
    other = server.submit(place, "true")
    server.finished(job_id)
    server.finished(other)
    everything = {job["jobId"] for job in client.job_info(server.system)}
    assert {job_id, other} <= everything
    named = client.job_info(server.system, name=name, time_window="1h")
    assert [job["jobId"] for job in named] == [job_id]
    assert {job_id, other} <= {
        job["jobId"] for job in client.job_info(server.system, account=server.account)
    }
    assert job_id in {job["jobId"] for job in client.job_info(server.system, allusers=True)}
    assert refusal(client.job_info, server.system, time_window="2h")[0] == 400


@pytest.mark.parametrize(
    ("body", "state", "code", "signal"),
    [
        ("exit 3", "FAILED", 3, 0),
        ("kill -9 $$", "FAILED", 0, 9),
        ("kill -SEGV $$", "FAILED", 0, 11),
    ],
    ids=["exit3", "kill9", "segv"],
)
def test_failures_tell_code_or_signal(server, place, body, state, code, signal):
    """An exit code, or the signal that ended the script."""
    status = server.run(place, body)["status"]
    assert status["state"] == state
    assert (status["exitCode"], status["interruptSignal"] or 0) == (code, signal)


def test_a_missing_directory_fails_the_job_without_a_word(client, server, place):
    """It is accepted, then FAILED with signal 53 and no output."""
    job = client.submit(
        server.system, f"{place}/nope", script_str=script("true"), account=server.account
    )
    status = server.finished(job["jobId"])["status"]
    assert (status["state"], status["interruptSignal"]) == ("FAILED", 53)
    assert refusal(client.list_files, server.system, f"{place}/nope")[0] == 404


def test_partitions_can_be_chosen(client, server, place):
    """By the request, which wins over the script; an unknown one is refused in sbatch's words."""
    names = [partition["name"] for partition in client.partitions(server.system)]
    for name in names[:2]:
        job = client.submit(
            server.system, place, script_str=script("true"), partition=name, account=server.account
        )
        assert server.finished(job["jobId"])["partition"] == name
    status, message = refusal(
        client.submit,
        server.system,
        place,
        script_str=script("true"),
        partition="nope",
        account=server.account,
    )
    assert status == 500
    assert "sbatch: error: invalid partition specified: nope" in message


def test_srun_starts_the_tasks_of_a_step(server, place):
    """As many as asked for, each with its own rank."""
    record = server.run(
        place, "srun --ntasks=3 bash -c 'echo $SLURM_PROCID'", "--ntasks=3", "--output=o"
    )
    assert record["status"]["state"] == "COMPLETED"
    assert sorted(server.get(f"{place}/o").split()) == [b"0", b"1", b"2"]
    if server.kind != "slurm":  # steps are known from the accounting, which that one lacks
        assert {"batch"} < {task["name"] for task in record["tasks"]}


def test_unknown_jobs_are_not_found(client, server):
    """404 for a number that was never given out; 400 for what is no id at all."""
    assert refusal(client.job_info, server.system, "99999999") == (404, "Job not found.")
    assert refusal(client.job_metadata, server.system, "99999999") == (404, "Job not found.")
    assert refusal(client.job_info, server.system, "12_3")[0] == 400
    status, message = refusal(client.cancel_job, server.system, "99999999")
    assert (status, "Invalid job id specified" in message) == (500, True)


def test_a_pending_job_can_be_held_and_cancelled(client, server, place):
    """A held job says why it waits, and never runs."""
    job_id = server.submit(place, "touch ran", "--hold", "--job-name=held")
    pending = until(lambda: server.job(job_id), what="the held job's record")
    assert pending["status"]["state"] == "PENDING"
    assert pending["status"]["stateReason"] == "JobHeldUser"
    assert pending["tasks"] == []
    client.cancel_job(server.system, job_id)
    assert server.finished(job_id)["status"]["state"].startswith("CANCELLED")
    assert refusal(client.stat, server.system, f"{place}/ran")[0] == 404


def test_states_only_go_forward(server, place):
    """PENDING, RUNNING, then one end that stays."""
    job_id = server.submit(place, "sleep 1", "--job-name=forward")
    seen: list[str] = []

    def ended() -> bool:
        record = server.job(job_id)
        if record and record["name"] == "forward" and record["status"]["state"] not in seen[-1:]:
            seen.append(record["status"]["state"])
        return bool(seen) and seen[-1].startswith(ENDED)

    until(ended, what="the job to end")
    order = ["PENDING", "RUNNING", "COMPLETING", "COMPLETED"]
    assert [order.index(state) for state in seen] == sorted(order.index(state) for state in seen)
    assert seen[-1] == "COMPLETED"


def test_an_unknown_system_is_not_found(client):
    """For jobs and for files alike."""
    assert refusal(client.job_info, "no-such-system", "1") == (404, "System not found")
    assert refusal(client.list_files, "no-such-system", "/home") == (404, "System not found")
