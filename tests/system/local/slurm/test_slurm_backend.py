"""The `slurm` back end itself: faults on request, ghosts, what it remembers, what it lacks."""

from __future__ import annotations

import asyncio
import os
import pwd
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cluster.slurm import SlurmCluster
from slurm_site import ENDED, PATIENCE, wait_for

from fcx.local.errors import SchedulerError
from fcx.local.scheduler import JobRequest, SchedulerSettings
from fcx.local.slurm.backend import SlurmScheduler

pytestmark = pytest.mark.slurm


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

    async def scene() -> None:
        scheduler = SlurmScheduler(settings)
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
        # What is asked after it is answered after it: by then the controller has read it, or never.
        later = await start_sleeper(scheduler)
        assert await scheduler.jobs(later)
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
