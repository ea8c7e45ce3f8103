"""How jobs of the process back end come to an end, by themselves and by force."""

from __future__ import annotations

import os

import pytest
from workbench import alive, refused, until


@pytest.mark.parametrize(
    ("body", "state", "code", "signal", "batch"),
    [
        ("true", "COMPLETED", 0, 0, "COMPLETED"),
        ("exit 3", "FAILED", 3, 0, "FAILED"),
        ("kill -9 $$", "FAILED", 0, 9, "CANCELLED"),
        ("kill -SEGV $$", "FAILED", 0, 11, "CANCELLED"),
        ("/nowhere/at/all", "FAILED", 127, 0, "FAILED"),
    ],
)
def test_endings_are_reported_as_slurm_does(bench, body, state, code, signal, batch):
    """State, exit code and signal of the job, state of its batch step."""
    job = bench.ended(bench.submit(body))
    status = job["status"]
    assert (status["state"], status["exitCode"], status["interruptSignal"]) == (state, code, signal)
    assert job["tasks"][0]["status"]["state"] == batch


@pytest.mark.slow
def test_a_time_limit_sends_term_and_later_kill(bench):
    """Who handles TERM may finish; who ignores it is killed; the state is TIMEOUT."""
    polite = bench.submit("trap 'echo bye; exit 0' TERM\nsleep 100 & wait", "-t 1", "-N 1")
    stubborn = bench.submit("trap '' TERM\nwhile :; do sleep 0.1; done", "-t 1", "-N 1")
    for job_id in (polite, stubborn):
        status = bench.ended(job_id)["status"]
        assert (status["state"], status["exitCode"], status["interruptSignal"]) == ("TIMEOUT", 0, 0)
    assert "bye" in bench.output(polite)
    assert "DUE TO TIME LIMIT ***" in bench.output(polite)


def test_a_step_keeps_its_grace_when_its_shell_dies_first(bench):
    """TERM ends bash at once, but what srun started may still write down what it has."""
    body = "srun bash -c \"trap 'sleep 0.3; echo saved; exit' TERM; echo up; sleep 100 & wait\""
    job_id = bench.submit(body)
    until(lambda: "up" in bench.output(job_id) if bench.state(job_id) == "RUNNING" else False)
    bench.api.cancel_job(bench.system, job_id)
    bench.ended(job_id)
    until(lambda: "saved" in bench.output(job_id))


@pytest.mark.parametrize(("option", "who"), [("B:USR1@30", "shell"), ("USR1@30", "step")])
@pytest.mark.slow
def test_a_warning_signal_comes_before_the_limit(bench, option, who):
    """To the batch shell alone, or to every process of the steps and not to the shell."""
    wait = f"while [ ! -e $PWD/{who}-warned ]; do sleep 0.1; done"
    heard = {one: f"echo {one} warned; touch $PWD/{one}-warned" for one in ("shell", "step")}
    body = (
        f"trap '{heard['shell']}' USR1\n"
        f"srun bash -c 'trap \"{heard['step']}\" USR1; {wait}' &\n"
        "wait; wait\n"
    )
    text = bench.run(body, "--time=1", f"--signal={option}")
    assert f"{who} warned" in text
    assert text.count("warned") == 1


def test_daemons_of_a_job_die_with_it(bench):
    """Two forks and a session of its own hide nothing."""
    body = (
        "for i in 1 2 3; do\n"
        "  (setsid bash -c '(setsid sleep 300 & echo $! >> pids) &' &)\n"
        "done\n"
        "while [ $(wc -l < pids) -lt 3 ]; do sleep 0.05; done\n"
    )
    bench.run(f"rm -f pids; touch pids\n{body}")
    pids = [int(word) for word in (bench.folder / "pids").read_text().split()]
    assert len(pids) == 3
    until(lambda: not any(alive(pid) for pid in pids))


def test_cancelling_ends_everything_and_says_so(bench):
    """At once in the record, a little later in the process table; twice is an error."""
    job_id = bench.submit("sleep 300 & echo $! > cancelled; wait")
    pid = int(bench.appears("cancelled").read_text())
    bench.api.cancel_job(bench.system, job_id)
    assert bench.state(job_id) == f"CANCELLED by {os.getuid()}"
    until(lambda: not alive(pid))
    again = refused(bench.api.cancel_job, bench.system, job_id)
    assert again[0] == 500
    assert "Job/step already completing or completed" in again[1]


@pytest.mark.slow
def test_cancelling_at_once_is_heard(bench):
    """Before the job's supervisor is up."""
    job_id = bench.submit("sleep 300")
    bench.api.cancel_job(bench.system, job_id)
    assert bench.ended(job_id)["tasks"][0]["status"]["state"] == "CANCELLED"


def test_a_supervisor_that_is_killed_takes_its_job_along(bench):
    """Its orphans are found by the job's id in them."""
    job_id = bench.submit("setsid sleep 300 & echo $! $PPID > killed; sleep 300")
    pid, supervisor = map(int, bench.appears("killed").read_text().split())
    os.kill(supervisor, 9)
    assert bench.ended(job_id)["status"]["interruptSignal"] == 9
    until(lambda: not alive(pid))


@pytest.mark.parametrize(
    "options", [["-o", "nowhere/out"], ["-e", "nowhere/err"], ["-i", "nofile"]]
)
def test_a_job_that_cannot_start_fails_with_53(bench, options):
    """Files that are not there."""
    status = bench.ended(bench.submit("true", " ".join(options)))["status"]
    assert (status["state"], status["interruptSignal"]) == ("FAILED", 53)


def test_a_missing_working_directory_is_53_too(bench):
    """201, then FAILED without a word."""
    job = bench.api.submit(bench.system, "/tmp/not/there", script_str="#!/bin/sh\ntrue\n")
    assert bench.ended(job["jobId"])["status"]["interruptSignal"] == 53


def test_memory_past_its_limit_is_out_of_memory(bench):
    """The largest process is killed, and the job says why."""
    text = "python3 -c 'x = bytearray(200 << 20); import time; time.sleep(60)'"
    status = bench.ended(bench.submit(text, "--mem=80M"))["status"]
    assert (status["state"], status["interruptSignal"]) == ("OUT_OF_MEMORY", 125)
