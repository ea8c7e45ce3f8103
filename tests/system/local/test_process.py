"""The process back end: how jobs run, end, and leave nothing behind."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from firecrest.FirecrestException import UnexpectedStatusException
from workbench import Bench, until

from fcx.local import cluster


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A cluster of two nodes, whose minutes are short."""
    os.environ["FCX_SERVERS_OWN"] = "secret"
    with (
        cluster(nodes=2, minute=1.5, kill_wait=1.0, root=tmp_path_factory.mktemp("c")) as env,
        Bench(env) as bench,
    ):
        yield bench
    del os.environ["FCX_SERVERS_OWN"]


def alive(pid: int) -> bool:
    """Whether a process is there and not a zombie."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def refused(call, *args: object) -> tuple[int, str]:
    """Status and message of a refusal."""
    with pytest.raises(UnexpectedStatusException) as error:
        call(*args)
    answer = error.value.responses[-1]
    return answer.status_code, answer.json()["message"]


# --- How jobs end


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


@pytest.mark.parametrize(("option", "who"), [("B:USR1@20", "shell"), ("USR1@20", "step")])
def test_a_warning_signal_comes_before_the_limit(bench, option, who):
    """To the batch shell alone, or to every process of the steps and not to the shell."""
    body = (
        "trap 'echo shell warned' USR1\n"
        "srun bash -c 'trap \"echo step warned\" USR1; for i in {1..6}; do sleep 0.2; done' &\n"
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


# --- What jobs find


@pytest.mark.parametrize("shebang", ["#!/bin/bash", "#!/bin/bash -l", "#!/usr/bin/env bash"])
def test_python3_is_the_interpreter_that_runs_the_cluster(bench, shebang):
    """In login shells too, and in what they call."""
    ask = "python3 -c 'import sys; print(sys.executable)'"
    text = bench.run(f'{ask}\nbash -c "{ask}"\nbash -lc "{ask}"\nsrun {ask}', shebang=shebang)
    assert text.split() == [sys.executable] * 4


def test_what_a_script_puts_first_in_path_stays_first(bench):
    """A virtual environment that a job activates holds in the shells that it calls."""
    (bench.folder / "venv").mkdir()
    (bench.folder / "venv" / "python3").write_text("#!/bin/sh\necho mine\n")
    (bench.folder / "venv" / "python3").chmod(0o755)
    for shebang in ("#!/bin/bash", "#!/bin/bash -l"):
        body = "PATH=$PWD/venv:$PATH; python3; bash -c python3; srun bash -c python3"
        assert bench.run(body, shebang=shebang) == "mine\n" * 3


def test_nothing_of_the_servers_environment_reaches_a_job(bench):
    """Neither secrets nor the virtual environment it runs in."""
    names = {line.partition("=")[0] for line in bench.run("env").splitlines()}
    assert not names & {"FCX_SERVERS_OWN", "VIRTUAL_ENV", "PYTHONPATH", "FIRECREST_CLIENT_SECRET"}
    assert {"HOME", "PATH", "USER", "SLURM_JOB_ID", "SLURMD_NODENAME", "TMPDIR"} <= names


def test_slurms_variables_tell_the_truth(bench):
    """Ids, nodes, tasks, times."""
    body = "env | grep ^SLURM > vars-$SLURM_JOB_ID"
    job_id = bench.submit(body, "-J named", "-N 2", "--ntasks-per-node=3", "-t 30", "-p debug")
    job = bench.ended(job_id)
    lines = (bench.folder / f"vars-{job_id}").read_text().splitlines()
    found = dict(line.split("=", 1) for line in lines)
    expected = {
        "SLURM_JOB_ID": job_id,
        "SLURM_JOB_NAME": "named",
        "SLURM_JOB_NUM_NODES": "2",
        "SLURM_JOB_NODELIST": "fcx-node-[1-2]",
        "SLURM_NTASKS_PER_NODE": "3",
        "SLURM_TASKS_PER_NODE": "3(x2)",
        "SLURM_CPUS_ON_NODE": "3",
        "SLURM_JOB_PARTITION": "debug",
        "SLURM_JOB_START_TIME": str(job["time"]["start"]),
        "SLURM_JOB_END_TIME": str(job["time"]["start"] + 45),
        "SLURM_SUBMIT_DIR": str(bench.folder),
    }
    assert {name: found.get(name) for name in expected} == expected
    assert "SLURM_RESTART_COUNT" not in found
    assert "SLURM_NTASKS" not in found


def test_output_names_are_filled_in(bench):
    """%j, %x, %N, padding, and a file for errors."""
    options = ("-J pat", "-o %x-%10j.%N", "-e %x.err")
    job_id = bench.submit("echo out; echo err >&2", *options)
    bench.ended(job_id)
    assert (bench.folder / f"pat-{job_id:0>10}.fcx-node-1").read_text() == "out\n"
    assert (bench.folder / "pat.err").read_text() == "err\n"
    (meta,) = bench.api.job_metadata(bench.system, job_id)
    assert meta["standardOutput"] == str(bench.folder / f"pat-{job_id:0>10}.fcx-node-1")


# --- The queue


def test_jobs_wait_for_nodes_and_say_why(bench):
    """The first for resources, those behind it for its sake."""
    first = bench.submit("while [ ! -e go ]; do sleep 0.05; done", "-N 2", "-t 20")
    second, third = bench.submit("true", "-N 2"), bench.submit("true")
    reasons = [bench.job(job_id)["status"]["stateReason"] for job_id in (second, third)]
    assert reasons == ["Resources", "Priority"]
    (bench.folder / "go").touch()
    assert bench.ended(first)["nodes"] == "fcx-node-[1-2]"
    assert bench.ended(third)["status"]["state"] == "COMPLETED"
    (bench.folder / "go").unlink()


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        ("--time=2-0", "PartitionTimeLimit"),
        ("--time=0", "PartitionTimeLimit"),
        ("--partition=debug --time=31", "PartitionTimeLimit"),
        ("--nodes=3", "PartitionConfig"),
        ("--cpus-per-task=99", "PartitionConfig"),
        ("--hold", "JobHeldUser"),
    ],
)
def test_jobs_that_can_never_run_are_taken_and_wait(bench, option, reason):
    """201, then PENDING for ever; others pass them by."""
    stuck = bench.submit("true", option)
    assert bench.ended(bench.submit("true"))["status"]["state"] == "COMPLETED"
    status = bench.job(stuck)["status"]
    assert (status["state"], status["stateReason"]) == ("PENDING", reason)
    bench.api.cancel_job(bench.system, stuck)
    assert bench.state(stuck).startswith("CANCELLED")


def test_jobs_can_wait_for_others(bench):
    """afterok, afternotok, afterany; never is told apart from not yet."""
    failed = bench.submit("sleep 0.5; false")
    follow = {kind: bench.submit("true", f"-d {kind}:{failed}") for kind in ("afterok", "afterany")}
    assert bench.job(follow["afterany"])["status"]["stateReason"] == "Dependency"
    assert bench.ended(follow["afterany"])["status"]["state"] == "COMPLETED"
    until(
        lambda: bench.job(follow["afterok"])["status"]["stateReason"] == "DependencyNeverSatisfied"
    )
    bench.api.cancel_job(bench.system, follow["afterok"])


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--account=nope", "Invalid account or account/partition combination specified"),
        ("--partition=nope", "Invalid partition name specified"),
        ("--array=0-3", "Invalid job array specification"),
        ("--reservation=x", "Requested reservation is invalid"),
        ("--constraint=gpu", "Invalid feature specification"),
        ("--dependency=whatever", "Job dependency problem"),
        ("--qos=x", "Invalid qos specification"),
    ],
)
def test_the_controller_refuses_in_its_words(bench, option, words):
    """500 with sbatch's stderr."""
    status, message = refused(bench.submit, "true", option)
    assert status == 500
    assert message.endswith(f"sbatch: error: Batch job submission failed: {words}\n")


def test_a_requeued_job_runs_again_under_its_id(bench):
    """From inside; its restart is counted."""
    body = 'echo run ${SLURM_RESTART_COUNT:-0}\n[ -n "$SLURM_RESTART_COUNT" ] && exit\n'
    text = bench.run(f"{body}scontrol requeue $SLURM_JOB_ID; sleep 60", "--open-mode=append")
    assert "run 0\n" in text
    assert text.endswith("run 1\n")


def test_the_queues_programs_answer_inside_a_job(bench):
    """Squeue's time left, scontrol's record, scancel's signal."""
    text = bench.run(
        "squeue -h -j $SLURM_JOB_ID -o '%i %T %L %N %D'\n"
        "scontrol show job $SLURM_JOB_ID | grep -c JobState=RUNNING\n"
        "scontrol show hostnames\n"
        "squeue -h -j 1; echo rc=$?\n"
        "trap 'echo got it; exit' USR1; scancel -b -s USR1 $SLURM_JOB_ID; sleep 5",
        "-t 20",
    )
    first, *rest = text.splitlines()
    job_id, state, left, node, count = first.split()
    assert (state, node, count) == ("RUNNING", "fcx-node-1", "1")
    assert left in {"0:30", "0:29", "0:28", "0:27"}
    assert rest == [
        "1", "fcx-node-1", "slurm_load_jobs error: Invalid job id specified", "rc=1", "got it",
    ]  # fmt: skip


def test_attaching_joins_a_running_job(bench):
    """On its node, with its variables; the command's failure is the answer."""
    job_id = bench.submit("while [ ! -e enough ]; do sleep 0.05; done")
    until(lambda: bench.state(job_id) == "RUNNING")
    line = f"bash -c 'echo $SLURM_JOB_ID $SLURMD_NODENAME' > {bench.folder}/joined"
    bench.api.attach_to_job(bench.system, job_id, line)
    assert (bench.folder / "joined").read_text() == f"{job_id} fcx-node-1\n"
    assert refused(bench.api.attach_to_job, bench.system, job_id, "false")[0] == 500
    (bench.folder / "enough").touch()
    bench.ended(job_id)
    assert refused(bench.api.attach_to_job, bench.system, job_id, "true")[0] == 500


# --- Faults of jobs


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
    until(lambda: not held()[1])
    time.sleep(0.2)
    assert held()[0] <= before[0] + 1
