"""The `slurm` back end: jobs in a real Slurm, through HTTP and pyfirecrest."""

from __future__ import annotations

import grp
import os
import pwd
import sys
import time

import pytest
from firecrest import UnexpectedStatusException
from slurm_site import PATIENCE, Site, held, wait_for

pytestmark = pytest.mark.slurm


def test_a_job_runs_and_its_record_has_every_key_of_the_api(site: Site) -> None:
    """Keys and values as a real server has them for a job that completed."""
    job = site.ended(site.bash("echo out; sleep 1", "--job-name=full", account="staff"))
    user = pwd.getpwuid(os.getuid())
    name, group = user.pw_name, grp.getgrgid(user.pw_gid).gr_name
    times = job.pop("time")
    (task,) = job.pop("tasks")
    assert isinstance(job.pop("priority"), int)
    assert job == {
        "jobId": job["jobId"], "name": "full", "account": "staff", "allocationNodes": 1,
        "cluster": "cluster", "group": group, "nodes": site.slurm.nodes[0], "partition": "debug",
        "killRequestUser": None, "user": name, "workingDirectory": str(site.folder),
        "status": {
            "state": "COMPLETED", "stateReason": "None", "exitCode": 0, "interruptSignal": 0,
        },
    }  # fmt: skip
    assert task["id"] == f"{job['jobId']}.batch"
    assert task["name"] == "batch"
    assert task["status"] == {**job["status"], "stateReason": None}
    assert times["limit"] == 3600
    assert times["suspended"] == 0
    assert times["end"] - times["start"] == times["elapsed"] >= 1
    assert abs(times["end"] - time.time()) < PATIENCE
    assert site.output(job["jobId"]) == "out\n"


def test_a_job_has_a_fresh_logins_environment(site: Site) -> None:
    """Nothing of the server's environment, but what a login and the submission set."""
    job = site.bash("env; umask", env_vars={"MINE": "a b;c", "CUT": "x,y"})
    site.ended(job)
    lines = site.output(job).splitlines()
    variables = dict(line.partition("=")[::2] for line in lines)
    assert "FCX_TEST_SECRET" not in variables
    assert "VIRTUAL_ENV" not in variables
    assert variables["MINE"] == "a b;c"
    assert variables["CUT"] == "x"  # as on the real server: cut at the first comma
    assert variables["HOME"] == os.environ["FCX_LOCAL_HOME"]
    assert variables["SLURM_JOB_ID"] == job
    assert lines[-1] == "0022"


@pytest.mark.parametrize("shebang", ["#!/bin/bash", "#!/bin/bash -l", "#!/bin/sh"])
def test_jobs_find_the_clusters_interpreter(site: Site, shebang: str) -> None:
    """python3 is the interpreter that runs the server, in login shells and steps too."""
    show = "python3 -c 'import sys; print(sys.prefix, sys.version)'"
    steps = f'{show}\nsrun -n1 {show}\nsrun -n1 bash -lc "{show}"\n'
    job = site.submit(f"{shebang}\n#SBATCH --error=stderr\n{steps}")
    assert site.ended(job)["status"]["state"] == "COMPLETED"
    own = f"{sys.prefix} {sys.version}"
    assert site.output(job) == f"{own}\n" * 3


@pytest.mark.parametrize(
    ("body", "code", "number"), [("exit 3", 3, 0), ("kill -9 $$", 0, 9), ("kill -SEGV $$", 0, 11)]
)
def test_exit_codes_and_signals(site: Site, body: str, code: int, number: int) -> None:
    """FAILED, with one or the other; the batch step of a killed script is CANCELLED."""
    job = site.ended(site.bash(body))
    status, batch = job["status"], job["tasks"][0]["status"]
    assert status == {
        "state": "FAILED", "stateReason": "None", "exitCode": code, "interruptSignal": number,
    }  # fmt: skip
    assert batch["state"] == ("CANCELLED" if number else "FAILED")
    assert batch["interruptSignal"] == number


def test_a_missing_working_directory_is_signal_53(site: Site) -> None:
    """Accepted, then FAILED with no output at all."""
    job = site.ended(site.bash("true", working_dir=str(site.folder / "none")))
    assert job["status"]["state"] == "FAILED"
    assert job["status"]["interruptSignal"] == 53


def test_a_time_limit_ends_in_timeout(site: Site) -> None:
    """TIMEOUT with exit code and signal 0; its batch step tells the signal."""
    job_id = site.bash("exec sleep 300", "--time=5")
    assert site.running(job_id)["time"]["limit"] == 300
    # An administrator moves the end, so that nobody waits for Slurm's shortest limit, a minute.
    site.slurm.run("scontrol", "update", f"JobId={job_id}", "EndTime=now")
    job = site.ended(job_id)
    assert job["status"] == {
        "state": "TIMEOUT", "stateReason": "None", "exitCode": 0, "interruptSignal": 0,
    }  # fmt: skip
    assert job["tasks"][0]["status"]["state"] == "CANCELLED"
    assert job["tasks"][0]["status"]["interruptSignal"] == 15
    assert "DUE TO TIME LIMIT" in site.output(job_id)


def test_too_much_memory_ends_the_job(site: Site) -> None:
    """Without cgroups Slurm samples and kills: FAILED by signal 9, its output says why."""
    body = "exec python3 -c 'import time; x = bytearray(400 << 20); time.sleep(300)'"
    job_id = site.bash(body, "--mem=100")
    assert site.ended(job_id)["status"]["interruptSignal"] == 9
    assert "exceeded memory limit" in site.output(job_id)


def test_a_running_job_is_cancelled(site: Site) -> None:
    """CANCELLED by the caller's uid, exit code and signal 0."""
    job_id = site.bash("exec sleep 300")
    site.running(job_id)
    site.api.cancel_job(site.system, job_id)
    job = site.ended(job_id)
    assert job["status"] == {
        "state": f"CANCELLED by {os.getuid()}", "stateReason": "None",
        "exitCode": 0, "interruptSignal": 0,
    }  # fmt: skip
    assert job["tasks"][0]["status"]["state"] == "CANCELLED"


def test_a_held_job_is_cancelled_before_it_ran(site: Site) -> None:
    """No step, no node."""
    job_id = site.bash("true", "--hold")
    assert site.until(job_id, held)["tasks"] == []
    site.api.cancel_job(site.system, job_id)
    job = site.ended(job_id)
    assert (job["tasks"], job["nodes"], job["allocationNodes"]) == ([], "None assigned", 0)
    with pytest.raises(UnexpectedStatusException, match="already completing or completed"):
        site.api.cancel_job(site.system, job_id)


def test_a_job_cancelled_outside_the_server_names_nobody(site: Site) -> None:
    """Who called scancel is in no record of Slurm's."""
    job_id = site.bash("true", "--hold")
    site.slurm.run("scancel", job_id)
    assert site.ended(job_id)["status"]["state"] == "CANCELLED"


def test_an_unknown_job(site: Site) -> None:
    """404 for its record and its script, 500 with scancel's words, 500 for letters."""
    for ask in (site.api.job_info, site.api.job_metadata):
        with pytest.raises(UnexpectedStatusException, match="Job not found"):
            ask(site.system, "99999999")
    with pytest.raises(UnexpectedStatusException, match="Invalid job id specified"):
        site.api.cancel_job(site.system, "99999999")
    with pytest.raises(UnexpectedStatusException, match="Bad job/step specified: abc"):
        site.api.job_info(site.system, "abc")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--partition=short", "--time=9"], "PartitionTimeLimit"),
        (["--nodes=1", "--ntasks=500"], "PartitionConfig"),
        (["--nodes=7"], "PartitionNodeLimit"),
        (["--hold"], "JobHeldUser"),
        (["--begin=now+1hour"], "BeginTime"),
    ],
)
def test_accepted_and_never_run(site: Site, options: list[str], reason: str) -> None:
    """201, and PENDING for ever with the reason; exit code and steps are not made up."""
    job_id = site.bash("true", *options)
    job = site.until(job_id, lambda job: job["status"]["stateReason"] == reason, reason)
    assert job["status"]["state"] == "PENDING"
    assert job["status"]["exitCode"] is None
    assert (job["tasks"], job["nodes"]) == ([], "")
    site.api.cancel_job(site.system, job_id)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo no shebang\n", "does not look like a batch script"),
        ("#!/bin/bash\r\ntrue\r\n", "DOS line breaks"),
        ("#!/bin/bash\necho \0\n", "NULL character"),
        ("#!/bin/bash\n#SBATCH --partition=nope\n", "invalid partition specified: nope"),
        ("#!/bin/bash\n#SBATCH --no-such-option\n", "unrecognized option"),
    ],
)
def test_refusals_carry_sbatchs_words(site: Site, script: str, words: str) -> None:
    """500, with the standard error of sbatch in the message."""
    before = len(site.api.job_info(site.system))
    with pytest.raises(UnexpectedStatusException, match=words) as caught:
        site.submit(script)
    assert caught.value.responses[-1].status_code == 500
    assert len(site.api.job_info(site.system)) == before


def test_parsable_is_an_error_and_runs_all_the_same(site: Site) -> None:
    """The real server's trap: a client that repeats this submission runs it twice."""
    with pytest.raises(UnexpectedStatusException, match="exit_status:0"):
        site.bash("touch ran", "--parsable")
    wait_for((site.folder / "ran").exists, bool, "the job that was not admitted")


def test_script_and_files_of_a_job(site: Site) -> None:
    """Metadata gives the script back, whole, and where it reads and writes."""
    body = "echo \"$HOME\" 'é' \\ ; exit 0"
    job_id = site.bash(body, "--output=o-%j.txt", "--error=e.txt")
    (data,) = site.api.job_metadata(site.system, job_id)
    assert data == {
        "jobId": job_id, "standardInput": "/dev/null",
        "script": f"#!/bin/bash\n#SBATCH --output=o-%j.txt\n#SBATCH --error=e.txt\n{body}\n",
        "standardOutput": f"{site.folder}/o-{job_id}.txt", "standardError": f"{site.folder}/e.txt",
    }  # fmt: skip


def test_a_script_that_is_there_already(site: Site) -> None:
    """script_remote_path: sbatch reads the file itself."""
    (site.folder / "job.sh").write_text("#!/bin/bash\necho there\n")
    answer = site.api.submit(
        site.system, working_dir=str(site.folder), script_remote_path=f"{site.folder}/job.sh"
    )
    assert site.ended(answer["jobId"])["name"] == "job.sh"
    assert site.output(answer["jobId"]) == "there\n"


def test_attach_runs_a_command_inside_a_job(site: Site) -> None:
    """Srun --overlap: the command sees the job's own variables."""
    job_id = site.bash("exec sleep 300")
    site.running(job_id)
    site.api.attach_to_job(site.system, job_id, f"echo $SLURM_JOB_ID > {site.folder}/at")
    assert (site.folder / "at").read_text() == f"{job_id}\n"
    with pytest.raises(UnexpectedStatusException):
        site.api.attach_to_job(site.system, job_id, "exit 3")
    site.api.cancel_job(site.system, job_id)


def test_a_requeued_job_keeps_its_id(site: Site) -> None:
    """Scontrol requeue: it waits again, runs again, and ends once."""
    body = "echo run ${SLURM_RESTART_COUNT:-0}; [ ${SLURM_RESTART_COUNT:-0} = 1 ] || exec sleep 300"
    job_id = site.bash(body, "--requeue", "--open-mode=append")
    site.running(job_id)
    wait_for(lambda: site.output(job_id), bool, "its first line")
    site.env.faults.requeue(job_id)
    assert site.job(job_id)["status"]["state"] in {"PENDING", "RUNNING", "COMPLETED"}
    assert site.ended(job_id)["status"]["state"] == "COMPLETED"
    assert [line for line in site.output(job_id).splitlines() if line.startswith("run")] == [
        "run 0",
        "run 1",
    ]


def test_an_arrays_tasks(site: Site) -> None:
    """Ended tasks are `<array>_<index>`, as the real accounting has them."""
    array = site.bash("exit $SLURM_ARRAY_TASK_ID", "--array=0-1")

    def tasks() -> dict[str, str]:
        jobs = site.api.job_info(site.system, array)
        return {job["jobId"]: job["status"]["state"] for job in jobs}

    wanted = {f"{array}_0": "COMPLETED", f"{array}_1": "FAILED"}
    wait_for(tasks, wanted.__eq__, "both tasks")


def test_listing_all_jobs_and_by_name(site: Site) -> None:
    """The user's jobs in one answer; name= filters."""
    names = [f"list-{os.getpid()}-{number}" for number in range(3)]
    ids = [site.bash("true", f"--job-name={name}") for name in names]
    listed = {job["jobId"]: job["name"] for job in site.api.job_info(site.system)}
    assert [listed[job_id] for job_id in ids] == names
    (one,) = site.api.job_info(site.system, name=names[1])
    assert one["jobId"] == ids[1]


@pytest.mark.parametrize("name", ["two words", "a=b Reason=None JobState=FAILED", "ä b", "x" * 200])
def test_names_that_could_confuse_a_parser(site: Site, name: str) -> None:
    """What the user calls a job changes nothing else in its record."""
    job_id = site.bash("true", f"--job-name='{name}'", "--hold")
    job = site.until(job_id, held)
    assert job["name"] == name
    assert job["status"]["state"] == "PENDING"
    site.api.cancel_job(site.system, job_id)
