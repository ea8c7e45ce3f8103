"""Jobs as a real server shows them: how they end, are watched, are cancelled, have odd names."""

from __future__ import annotations

import collections
import concurrent.futures
import json
import os
from typing import Any

import pytest
from conformance.clients import clear_up
from conformance.exchanges import Scenario, attempt
from conformance.servers import ENDED, Server, local_server, script, until

pytest_plugins = ["conformance.fixtures"]

ENDINGS = [  # name, script, then state, exit code, signal, state of the batch step
    ("exit3", "exit 3", "FAILED", 3, 0, "FAILED"),
    ("exit3b", "false; exit 3", "FAILED", 3, 0, "FAILED"),
    ("kill9", "kill -9 $$; sleep 5", "FAILED", 0, 9, "CANCELLED"),
    ("segv", "kill -SEGV $$; sleep 5", "FAILED", 0, 11, "CANCELLED"),
    ("fine", "sleep 1", "COMPLETED", 0, 0, "COMPLETED"),
]
ROUNDS = [  # what is asked, how often, by how many threads
    ("job_info", 16, 1), ("job_info", 16, 4), ("job_info", 16, 8), ("job_info", 32, 16),
    ("job_info", 64, 32), ("job_info", 128, 64), ("submit", 16, 8), ("submit", 32, 16),
    ("submit", 64, 32),
]  # fmt: skip


@pytest.mark.slow
def test_how_jobs_end(server, place):
    """How jobs end: exit codes, signals, cancelled while running, pending, or at once."""
    scenario = Scenario(server, "endings", place)
    for name, body, *ending in ENDINGS:
        record = server.finished(server.submit(place, body, f"--job-name={name}"))
        _ended_as(server, ending, record)
    _cancellations(scenario)
    assert scenario.verdict() == ""


def _cancellations(scenario: Scenario) -> None:
    server, c, system = scenario.server, scenario.server.client, scenario.server.system
    running = server.submit(scenario.home, "sleep 300", "--job-name=cancelme")
    server.running(running)
    scenario.ask("cancel running", lambda: c.cancel_job(system, running))
    _ended_as(server, ["CANCELLED by {user}", 0, 0, "CANCELLED"], server.finished(running))
    held = server.submit(scenario.home, "true", "--hold", "--job-name=cancelpend")
    until(lambda: server.job(held), what="the held job")
    (before,) = scenario.ask("job_info held", lambda: c.job_info(system, held))
    assert (before["status"]["state"], before["status"]["stateReason"]) == (
        "PENDING",
        "JobHeldUser",
    )
    scenario.ask("cancel held", lambda: c.cancel_job(system, held))
    _ended_as(server, ["CANCELLED by {user}", 0, 0, None], server.finished(held))
    at_once = server.submit(scenario.home, "sleep 300", "--job-name=atonce")
    scenario.ask("cancel at once", lambda: c.cancel_job(system, at_once))
    record = server.finished(at_once)
    assert record["status"]["state"].startswith("CANCELLED")
    scenario.ask("cancel again (already done)", lambda: c.cancel_job(system, running))
    scenario.ask("cancel nonexistent", lambda: c.cancel_job(system, "99999999"))
    scenario.ask("cancel somebody else's", lambda: c.cancel_job(system, "88888888"))


def _ended_as(server: Server, ending: list[Any], record: dict[str, Any]) -> None:
    """State, exit code and signal of the job, and the state of its batch step, if it had one."""
    state, code, signal, batch = ending
    user = server.client.userinfo(server.system)["user"]["id"]
    status = record["status"]
    assert status["state"] in (state.replace("{user}", user), state.split()[0])
    assert (status["exitCode"] or 0, status["interruptSignal"] or 0) == (code, signal)
    found = [(task["name"], task["status"]["state"]) for task in record["tasks"]]
    assert found == ([] if batch is None else [("batch", batch)])


def test_a_job_that_is_watched(server, place):
    """It waits, runs and has completed, whatever bogus record comes between."""
    job_id = server.submit(place, f"while [ ! -e {place}/go ]; do sleep 0.1; done", "-J poll")
    seen: list[str] = []

    def look(*wanted: str) -> bool:
        found = server.job(job_id)
        if found and found["name"] == "poll":
            seen.append(found["status"]["state"])
        return bool(seen) and seen[-1].startswith(wanted)

    until(lambda: look("RUNNING"), what="the job to run")
    server.put(f"{place}/go", b"go")
    until(lambda: look(*ENDED), what="the job to end")
    assert set(seen) <= {"PENDING", "RUNNING", "COMPLETING", "COMPLETED"}
    assert seen[-1] == "COMPLETED"


def test_many_clients_at_once(server, place):
    """As many answers as on a login node that allows the sessions."""
    if server.kind == "env":
        pytest.skip("this login node has sshd's default of 10 sessions")
    job_id = server.submit(place, "true")
    server.finished(job_id)
    submitted: list[str] = []
    asks = {
        "job_info": lambda: server.client.job_info(server.system, job_id),
        "submit": lambda: submitted.append(server.submit(place, "true", "--hold")),
    }
    for call, count, workers in ROUNDS:
        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            answers = list(pool.map(lambda _, call=call: attempt(asks[call]).kind, range(count)))
        assert collections.Counter(answers) == {"ok": count}
    clear_up(server, [{"jobId": job} for job in submitted])


def test_tasks_of_arrays_have_no_ids(server, place):
    """Those that the listing gives them are refused."""
    scenario = Scenario(server, "arrays", place)
    c, system = server.client, server.system
    scenario.ask("job_info('252_1')", lambda: c.job_info(system, "252_1"))
    scenario.ask("job_info('252,251')", lambda: c.job_info(system, "252,251"))
    scenario.ask("cancel_job('252_1')", lambda: c.cancel_job(system, "252_1"))
    scenario.ask("cancel_job('252_[0-1]')", lambda: c.cancel_job(system, "252_[0-1]"))
    assert scenario.verdict() == ""


def test_odd_jobs(server, place):
    """Odd job names, dependencies, quoting, raw submissions."""
    scenario = Scenario(server, "odd_jobs", place)
    system, c, jobs = server.system, server.client, []

    def submit(label: str, text: str, directory: str = place) -> str:
        job = scenario.ask(label, lambda: c.submit(system, directory, script_str=text))
        jobs.append(job)
        return str(job["jobId"])

    submit("submit --time=1 sleep 300", script("sleep 300", "--time=1"))
    steps = submit("submit steps+requeue", script("srun true", "--job-name=steps", "--hold"))
    odd = submit("submit name with newline/unicode", script("true", '--job-name="ä b"', "--hold"))
    long = submit("submit name 300 chars", script("true", f"--job-name={'n' * 300}", "--hold"))
    (record,) = scenario.ask("job_info unicode name", lambda: c.job_info(system, odd))
    assert record["name"] == "ä b"
    scenario.ask("job_info steps", lambda: c.job_info(system, steps))
    (record,) = scenario.ask("job_info long name", lambda: c.job_info(system, long))
    assert record["name"] == "n" * 300
    _dependency(scenario, submit)
    quoted = submit(
        "submit --wrap-like long line/quotes", script("echo '\"$`\\ é %s ! '", "--hold")
    )
    scenario.ask("view", lambda: c.view(system, f"{place}/slurm-{quoted}.out"))
    submit("working_dir with quote", script("true"), f"{place}/it's")
    jobs += _raw_submissions(scenario)
    for request in ("submit name with |", "job_info '|' name"):
        scenario.omit(request, "on a server of its own, below")
    clear_up(server, jobs)
    assert scenario.verdict() == ""


def _dependency(scenario: Scenario, submit: Any) -> None:
    server, system = scenario.server, scenario.server.system
    failed = server.submit(scenario.home, "exit 1")
    server.finished(failed)
    held = server.submit(scenario.home, "true", "--hold")
    never = submit(
        "submit dependency afterok on failed", script("true", f"--dependency=afterok:{held}")
    )
    (record,) = scenario.ask(
        "job_info dep never satisfied", lambda: server.client.job_info(system, never)
    )
    assert record["status"]["stateReason"] == "Dependency"
    scenario.ask("cancel", lambda: server.client.cancel_job(system, never))
    clear_up(server, [{"jobId": held}])


def _raw_submissions(scenario: Scenario) -> list[Any]:
    """What pyfirecrest does not send: a name, an output file, an empty environment."""
    server, home = scenario.server, scenario.home
    base = {"workingDirectory": home, "script": script("true")}

    def post(**job: Any) -> Any:
        return server.ask("POST", "/compute/{system}/jobs", json={"job": job})

    named = scenario.ask(
        "raw POST name/standardOutput",
        lambda: post(**base, name="raw", standardOutput=f"{home}/raw.out"),
    )
    bare = scenario.ask("raw POST env={} no account", lambda: post(**base, env={}))
    scenario.ask("raw POST missing wd", lambda: post(script="x"))
    record = server.finished(json.loads(named)["jobId"])
    assert record["name"] == "raw"
    assert server.client.view(server.system, f"{home}/raw.out") == ""
    return [json.loads(named), json.loads(bare)]


def test_a_missing_working_directory(server, place):
    """The job is taken, and fails with signal 53."""
    scenario = Scenario(server, "missing_directory", place)
    job_id = server.submit(f"{place}/nope", "true", account=None)
    record = server.finished(job_id)
    scenario.ask("job_info", lambda: server.client.job_info(server.system, job_id))
    status = record["status"]
    assert (status["state"], status["exitCode"], status["interruptSignal"]) == ("FAILED", 0, 53)
    assert scenario.verdict() == ""


@pytest.mark.skipif(
    "FCX_TEST_ENDPOINT" in os.environ, reason="would spoil somebody's listings for a day"
)
def test_a_bar_in_a_job_name_spoils_the_listing(tmp_path):
    """The real server cuts sacct's lines at `|`: once such a job has run, no listing works."""
    with local_server("process", tmp_path) as server:
        scenario = Scenario(server, "odd_jobs", str(tmp_path))
        system, c = server.system, server.client
        waiting = script("true", "'--job-name=a|b'", "--hold")
        job = scenario.ask(
            "submit name with |", lambda: c.submit(system, str(tmp_path), script_str=waiting)
        )
        scenario.ask("job_info '|' name", lambda: c.job_info(system, job["jobId"]))
        assert scenario.wrong == []
        other = server.submit(str(tmp_path), "true")
        server.finished(other)
        assert other in {record["jobId"] for record in c.job_info(system)}
        server.submit(str(tmp_path), f"touch {tmp_path}/ran", "'--job-name=a|b'")
        until((tmp_path / "ran").exists, what="the job to run")
        until(
            lambda: attempt(lambda: c.job_info(system)).status == 500,
            what="the listing to break",
        )
        assert server.job(other) is not None
