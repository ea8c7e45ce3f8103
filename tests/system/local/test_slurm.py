"""The `slurm` back end: a real Slurm behind the local server, through HTTP and pyfirecrest."""

from __future__ import annotations

import asyncio
import contextlib
import grp
import os
import pwd
import signal
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import firecrest
import pytest
from cluster.slurm import SlurmCluster
from firecrest import UnexpectedStatusException

from fcx.local import Environment, cluster
from fcx.local.errors import SchedulerError
from fcx.local.scheduler import JobRequest, SchedulerSettings
from fcx.local.slurm.backend import SlurmScheduler

pytestmark = pytest.mark.slurm

# A machine under load takes its time; nothing here waits so long when it works.
PATIENCE = 600.0
ENDED = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "PREEMPTED", "OUT_OF_MEMORY")


@dataclass
class Site:
    """A client of the local server, and a directory that its jobs run in."""

    api: firecrest.v2.Firecrest
    env: Environment
    slurm: SlurmCluster
    folder: Path

    @property
    def system(self) -> str:
        """The name that the server goes by."""
        return self.env["FIRECREST_SYSTEM"]

    def submit(self, script: str, **options: Any) -> str:
        """Queue a script in the test's directory."""
        options.setdefault("working_dir", str(self.folder))
        return str(self.api.submit(self.system, script_str=script, **options)["jobId"])

    def bash(self, body: str, *sbatch: str, **options: Any) -> str:
        """Queue a bash script with these lines of #SBATCH."""
        lines = ["#!/bin/bash", *(f"#SBATCH {line}" for line in sbatch), body]
        return self.submit("\n".join(lines) + "\n", **options)

    def job(self, job_id: str) -> dict[str, Any]:
        """The one record of a job."""
        (record,) = self.api.job_info(self.system, job_id)
        return record

    def until(
        self, job_id: str, right: Callable[[dict[str, Any]], bool], what: str = "state"
    ) -> dict[str, Any]:
        """The job's record once it is right."""
        return wait_for(lambda: self.job(job_id), right, what)

    def ended(self, job_id: str) -> dict[str, Any]:
        """The job's record once it has ended."""
        return self.until(job_id, lambda job: job["status"]["state"].startswith(ENDED))

    def running(self, job_id: str) -> dict[str, Any]:
        """The job's record once it runs."""
        return self.until(job_id, lambda job: job["status"]["state"] == "RUNNING")

    def output(self, job_id: str) -> str:
        """What the job wrote so far."""
        file = self.folder / f"slurm-{job_id}.out"
        return file.read_text() if file.exists() else ""


def held(job: dict[str, Any]) -> bool:
    """Whether Slurm says that the user holds the job."""
    return bool(job["status"]["stateReason"] == "JobHeldUser")


def wait_for(get: Callable[[], Any], right: Callable[[Any], bool], what: str) -> Any:
    """Ask until the answer is right."""
    deadline = time.monotonic() + PATIENCE
    while not right(answer := get()):
        assert time.monotonic() < deadline, f"waited {PATIENCE:.0f} s for {what}: {answer}"
        time.sleep(0.1)
    return answer


@contextlib.contextmanager
def client(env: Environment) -> Iterator[firecrest.v2.Firecrest]:
    """A pyfirecrest client for a running local server."""
    login = firecrest.ClientCredentialsAuth(
        env["FIRECREST_CLIENT_ID"],
        env["FIRECREST_CLIENT_SECRET"],
        env["AUTH_TOKEN_URL"],
        min_token_validity=60,
    )
    api = firecrest.v2.Firecrest(env["FIRECREST_URL"], login)
    yield api
    api.close_session()


@pytest.fixture
def site(slurm: SlurmCluster, slurm_firecrest: Environment, tmp_path: Path) -> Iterator[Site]:
    """The session's server, with a directory of the test's own."""
    with client(slurm_firecrest) as api:
        yield Site(api, slurm_firecrest, slurm, tmp_path)


def test_a_job_runs_and_its_record_has_every_key_of_the_api(site: Site) -> None:
    """Keys and values as the real server's transcript has them for a job that completed."""
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


def test_nodes_partitions_and_user(site: Site) -> None:
    """What Slurm says of the machine, in the API's words."""
    nodes = site.api.nodes(site.system)
    assert [node["name"] for node in nodes] == site.slurm.nodes
    for node in nodes:
        assert node["cpus"] == site.slurm.cpus == node["allocCpus"] + node["idleCpus"]
        assert node["partitions"][:3] == ["debug", "normal", "short"]
        assert set(node["state"]) <= {"IDLE", "MIXED", "ALLOCATED", "COMPLETING"}
    parts = {part["name"]: part for part in site.api.partitions(site.system)}
    assert list(parts) == ["debug", "normal", "short"]  # not the hidden one
    cpus = site.slurm.cpus * len(nodes)
    assert parts["debug"] == {
        "name": "debug", "cpus": cpus, "totalNodes": len(nodes), "partition": "UP",
    }  # fmt: skip
    assert site.api.userinfo(site.system)["user"]["id"] == str(os.getuid())


def test_reservations(site: Site) -> None:
    """None, then one, with its times in epoch seconds."""
    assert site.api.reservations(site.system) == []
    site.slurm.run(
        "scontrol", "create", "reservation", "ReservationName=test", "StartTime=now+2hours",
        "Duration=60", "Users=root", f"Nodes={site.slurm.nodes[0]}",
    )  # fmt: skip
    try:
        (one,) = site.api.reservations(site.system)
        assert (one["name"], one["nodeList"]) == ("test", site.slurm.nodes[0])
        assert one["endTime"] - one["startTime"] == 3600
        assert abs(one["startTime"] - time.time() - 7200) < PATIENCE
    finally:
        site.slurm.run("scontrol", "delete", "ReservationName=test")


def test_many_requests_at_once(site: Site) -> None:
    """Submissions and listings from many threads at once: each answered, each job its own."""

    def one(number: int) -> str:
        job_id = site.bash(f"exit 0 # {number}")
        site.api.job_info(site.system)
        return job_id

    with ThreadPoolExecutor(24) as threads:
        ids = list(threads.map(one, range(24)))
    assert len(set(ids)) == 24
    for job_id in ids:
        assert site.ended(job_id)["status"]["state"] == "COMPLETED"


def test_stopping_the_server_ends_its_jobs_and_no_others(
    slurm: SlurmCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Running, waiting, and never admitted ones go; what somebody else submitted stays."""
    foreign = slurm.run(
        "sbatch", "--parsable", "--output=/dev/null", "--wrap", "exec sleep 300"
    ).strip()
    monkeypatch.setenv("SLURM_CONF", str(slurm.conf))
    with cluster(scheduler="slurm") as env, client(env) as api:
        site = Site(api, env, slurm, tmp_path)
        running, held = site.bash("exec sleep 300"), site.bash("true", "--hold")
        array = site.bash("[ $SLURM_ARRAY_TASK_ID = 2 ] || exec sleep 300", "--array=0-2")
        with pytest.raises(UnexpectedStatusException):
            site.bash("exec sleep 300", "--parsable", "--job-name=unadmitted")
        site.running(running)
        started = ("squeue", "-h", "-t", "R", "-j", array)
        wait_for(lambda: slurm.run(*started), bool, "tasks of the array")
    left = slurm.run("squeue", "-h", "-o", "%F %j").splitlines()
    ids = {line.split()[0] for line in left}
    assert foreign in ids
    assert not ids & {running, held, array}
    assert not [line for line in left if line.endswith("unadmitted")]
    slurm.run("scancel", foreign)


# ---------------------------------------------------------------- the back end itself


@pytest.fixture
def settings(
    slurm: SlurmCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> SchedulerSettings:
    """Settings for a back end of the test's own, in front of the session's Slurm."""
    monkeypatch.setenv("SLURM_CONF", str(slurm.conf))
    return SchedulerSettings(root=tmp_path, python=sys.executable)


async def state_of(scheduler: SlurmScheduler, job_id: str, *wanted: str) -> dict[str, Any]:
    """The record of a job once it is in one of these states."""
    deadline = time.monotonic() + PATIENCE
    while True:
        (record,) = await scheduler.jobs(job_id)
        if record["status"]["state"] in wanted:
            return record
        assert time.monotonic() < deadline, record
        await asyncio.sleep(0.1)


async def start_sleeper(scheduler: SlurmScheduler, *options: str) -> str:
    """A job that runs until somebody ends it."""
    lines = ["#!/bin/bash", *(f"#SBATCH {option}" for option in options), "exec sleep 300", ""]
    root = str(scheduler.settings.root)
    job_id = await scheduler.submit(JobRequest(working_directory=root, script="\n".join(lines)))
    await state_of(scheduler, job_id, "RUNNING")
    return job_id


def test_a_node_fails_on_request(settings: SchedulerSettings, slurm: SlurmCluster) -> None:
    """NODE_FAIL, by the real Slurm; the node is back in service at once."""

    async def scene() -> dict[str, Any]:
        scheduler = SlurmScheduler(settings)
        await scheduler.start()
        try:
            job_id = await start_sleeper(scheduler, "--no-requeue")
            await scheduler.fail_node(job_id)
            return await state_of(scheduler, job_id, "NODE_FAIL")
        finally:
            await scheduler.close()

    record = asyncio.run(scene())
    assert record["tasks"][0]["status"]["state"] == "CANCELLED"
    assert (record["status"]["exitCode"], record["status"]["interruptSignal"]) == (0, 0)
    wait_for(
        lambda: set(slurm.run("sinfo", "-h", "-N", "-o", "%T").split()),
        lambda states: states <= {"idle", "mixed", "allocated"}, "the nodes",
    )  # fmt: skip


def test_a_job_is_preempted_on_request(settings: SchedulerSettings) -> None:
    """PREEMPTED, by a job of a higher partition that the user doesn't get to see."""

    async def scene() -> tuple[dict[str, Any], list[str]]:
        scheduler = SlurmScheduler(settings)
        await scheduler.start()
        try:
            job_id = await start_sleeper(scheduler, "--no-requeue")
            await scheduler.preempt(job_id)
            record = await state_of(scheduler, job_id, "PREEMPTED")
            return record, [job["partition"] for job in await scheduler.jobs()]
        finally:
            await scheduler.close()

    record, partitions = asyncio.run(scene())
    assert record["status"]["interruptSignal"] == 0
    assert "urgent" not in partitions


def test_a_job_runs_out_of_memory_on_request(settings: SchedulerSettings) -> None:
    """OUT_OF_MEMORY as sites with cgroups report it: exit code 0, signal 125."""

    async def scene() -> dict[str, Any]:
        scheduler = SlurmScheduler(settings)
        await scheduler.start()
        try:
            job_id = await start_sleeper(scheduler)
            await scheduler.run_out_of_memory(job_id)
            return await state_of(scheduler, job_id, *ENDED)
        finally:
            await scheduler.close()

    status = asyncio.run(scene())["status"]
    assert (status["state"], status["exitCode"]) == ("OUT_OF_MEMORY", 0)
    assert status["interruptSignal"] == 125


def test_faults_need_a_running_job(settings: SchedulerSettings) -> None:
    """409 for a job that isn't there to be struck."""

    async def scene() -> None:
        scheduler = SlurmScheduler(settings)
        await scheduler.start()
        for strike in (scheduler.fail_node, scheduler.preempt, scheduler.run_out_of_memory):
            with pytest.raises(SchedulerError) as caught:
                await strike("99999999")
            assert caught.value.status == 409
        with pytest.raises(SchedulerError, match="Invalid job id"):
            await scheduler.requeue("99999999")
        await scheduler.close()

    asyncio.run(scene())


def test_a_ghost_submission_is_ended_with_the_server(
    settings: SchedulerSettings, slurm: SlurmCluster
) -> None:
    """Sbatch got no answer in time, the job appears later: it is the server's all the same."""
    controller = slurm.pid("slurmctld")
    quick = replace(settings, command_timeout=1.0)

    async def scene() -> None:
        scheduler = SlurmScheduler(quick)
        await scheduler.start()
        os.kill(controller, signal.SIGSTOP)
        try:
            script = "#!/bin/bash\n#SBATCH --job-name=ghost\nexec sleep 300\n"
            request = JobRequest(working_directory=str(settings.root), script=script)
            with pytest.raises(SchedulerError, match="Channel not open"):
                await scheduler.submit(request)
            with pytest.raises(SchedulerError) as caught:
                await scheduler.jobs("1")
            assert caught.value.caused_by == ["Command execution timeout limit exceeded."]
        finally:
            os.kill(controller, signal.SIGCONT)
        await asyncio.sleep(1.0)  # time for it to appear, if the controller had read it
        await scheduler.close()

    asyncio.run(scene())
    names = slurm.run("squeue", "-h", "-o", "%j").split()
    assert "ghost" not in names


def test_without_slurm_the_error_says_what_to_do(
    settings: SchedulerSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No commands; or commands and nobody who answers."""
    monkeypatch.setenv("SLURM_CONF", str(tmp_path / "none.conf"))
    settings = replace(settings, command_timeout=1.0)
    with pytest.raises(SchedulerError, match=r"Slurm does not answer.*none\.conf"):
        asyncio.run(SlurmScheduler(settings).start())
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SchedulerError, match="install Slurm's client commands"):
        asyncio.run(SlurmScheduler(settings).start())


@pytest.fixture
def say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], object]:
    """Commands named as Slurm's; scontrol prints what is said here."""
    answers = tmp_path / "jobs"
    answers.write_text("")
    commands = tmp_path / "commands"
    commands.mkdir()
    for name in ("sbatch", "scancel", "squeue", "srun"):
        (commands / name).write_text("#!/bin/sh\necho Submitted batch job 7\n")
    (commands / "scontrol").write_text(
        "#!/bin/sh\n"
        'case "$2" in config) echo "MinJobAge = 3 sec"; exit 0;; esac\n'
        f'[ -s {answers} ] || {{ echo "error: Invalid job id specified" >&2; exit 1; }}\n'
        f"cat {answers}\n"
    )
    for command in commands.iterdir():
        command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}:{os.environ['PATH']}")
    return answers.write_text


def test_a_job_is_remembered_when_slurm_has_forgotten_it(
    say: Callable[[str], object], tmp_path: Path
) -> None:
    """Its end is seen by the watcher though nobody asked; metadata is gone, as on the real one."""
    user = pwd.getpwuid(os.geteuid()).pw_name
    ended = (
        f"JobId=7 JobName=x\n   UserId={user}(0) GroupId=g(0)\n"
        "   JobState=COMPLETED Reason=None\n"
        f"   RunTime=00:00:01 TimeLimit=00:01:00\n   StartTime=5 EndTime={int(time.time())}\n"
    )

    async def scene() -> None:
        scheduler = SlurmScheduler(SchedulerSettings(root=tmp_path, python=sys.executable))
        await scheduler.start()
        request = JobRequest(working_directory=str(tmp_path), script="#!/bin/sh\n")
        job_id = await scheduler.submit(request)
        say(ended)
        deadline = time.monotonic() + PATIENCE
        while True:
            if job_id in scheduler.memory.known:
                break
            assert time.monotonic() < deadline, "the watcher never looked"
            await asyncio.sleep(0.1)
        say("")
        for asked in (job_id, None):
            (record,) = await scheduler.jobs(asked)
            assert record["status"]["state"] == "COMPLETED"
        assert await scheduler.jobs(window=-60.0) == []
        assert await scheduler.metadata(job_id) == []
        await scheduler.close()

    asyncio.run(scene())
