"""``fcx runs``: what a killed process has left, seen, ended and removed from the command line."""

from __future__ import annotations

import json
import pickle
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from cluster.project import Project
from executors.deadline import WAIT, eventually
from executors.mortal import Mortal

import fcx
from fcx import attach, errors

SCRIPT = """
import time
from fcx import FirecrestExecutor
with FirecrestExecutor(FOLDER, ["--time=00:05:00"], max_workers=1, sleep_interval=1,
                       idle_timeout={idle}, parity="off", run={name!r}) as executor:
    futures = [executor.submit(work, FOLDER, n, {seconds}) for n in range(3)]
    futures.append(executor.submit(work, FOLDER, 7, key="seven"))
    {then}
    [future.exception() for future in futures]
"""
KILL = "futures[0].result(); jobs_are_known(); os.kill(os.getpid(), signal.SIGKILL)"


@pytest.fixture
def mortal(tmp_path: Path, site) -> Mortal:
    """A script's folder, on the local cluster."""
    return Mortal(tmp_path, site)


@pytest.fixture
def project(tmp_path: Path, site) -> Project:
    """The same machine, for the command."""
    return Project(tmp_path, {**site, "FCX_STATE_DIR": str(tmp_path / "state")})


def killed(mortal: Mortal, name: str | None = "sweep", *, idle=1, seconds=0.0) -> None:
    """A run whose process was killed once it had a result, and knew its job."""
    mortal.run(SCRIPT.format(name=name, idle=idle, seconds=seconds, then=KILL), 1_000_000)


def told(project: Project, *words: str, code: int = 0):
    """What a verb says with --json."""
    return json.loads(project.fcx("runs", *words, "--json", code=code).stdout)


def rested(project: Project) -> None:
    """Its pilots have ended."""
    eventually(lambda: told(project, "list")[0]["jobs"] == [], WAIT)


def test_a_machine_without_runs(project):
    """Says so; nothing is named, nothing removed."""
    assert "remembers no run" in project.fcx("runs", "list").stdout
    assert told(project, "list") == []
    assert told(project, "clean", "--all") == []
    assert "remembers no run 'x'" in project.fcx("runs", "show", "x", code=2).stderr
    assert "--all" in project.fcx("runs", "clean", code=2).stderr


@pytest.mark.lasts(25)
@pytest.mark.slow
def test_what_was_left_is_listed_and_shown(mortal, project):
    """Age, state, bytes and jobs; each task with its outcome; no value is fetched."""
    killed(mortal)
    rested(project)
    (run,) = told(project, "list")
    assert (run["run"], run["state"], run["tasks"]) == ("sweep", "open", 4)
    assert run["bytes"] > 1000
    assert 0 < run["age"] < 10 * WAIT
    assert (
        run["directory"]
        == str(mortal.folder / "work") + f"/.fcx-{run['directory'].split('/.fcx-')[1]}"
    )
    shown = told(project, "show", "sweep")["each_task"]
    assert [task["state"] for task in shown] == ["done", "done", "done", "raised"]
    assert shown[3]["key"] == "seven"
    assert {task["name"] for task in shown} == {"work"}
    lines = project.fcx("runs", "show", "sweep").stdout.splitlines()
    assert re.match(r"sweep +open +just now +4 +[0-9.]+ kB +0 +/", lines[1])
    assert told(project, "list", "--local")[0]["bytes"] is None


@pytest.mark.slow
def test_a_run_whose_directory_is_gone(mortal, project):
    """Its tasks are not queued: they are gone with it, which is said together with what to do."""
    killed(mortal)
    rested(project)
    (run,) = told(project, "list")
    shutil.rmtree(run["directory"])
    shown = told(project, "show", "sweep")
    assert shown["state"] == "gone"
    assert {task["state"] for task in shown["each_task"]} == {"gone"}
    assert shown["each_task"][3]["key"] == "seven"
    said = project.fcx("runs", "show", "sweep").stdout
    assert said.splitlines()[-1] == shown["note"]
    assert f"The run directory {run['directory']} is gone" in shown["note"]
    assert "`fcx runs clean sweep` forgets the run" in shown["note"]
    assert told(project, "clean", "sweep")[0]["removed"] is True
    assert told(project, "list") == []


@pytest.mark.slow
def test_the_key_is_printed_on_demand_alone(mortal, project):
    """With it another machine takes the run over, and knows it by its name."""
    killed(mortal)
    key = told(project, "show", "sweep", "--key")
    for words in (("list",), ("show", "sweep")):
        assert key["key"] not in project.fcx("runs", *words).stdout
    elsewhere = Project(project.root, {**project.env, "FCX_STATE_DIR": str(project.root / "other")})
    wrong = f"{int(key['key'], 16) ^ 1:064x}"
    refused = ("attach", "--directory", key["directory"], "--key", wrong)
    assert "does not fit" in elsewhere.fcx("runs", *refused, code=2).stderr
    assert told(elsewhere, "list") == []
    nowhere = ("attach", "--directory", key["directory"] + "x", "--key", key["key"])
    assert "There is no run in" in elsewhere.fcx("runs", *nowhere, code=2).stderr
    given = ("runs", "attach", "--directory", key["directory"], "--key", "-")
    assert "Run sweep" in elsewhere.fcx(*given, stdin=f"{key['key']}\n").stdout
    assert told(elsewhere, "list")[0]["run"] == "sweep"
    again = Mortal(mortal.folder, mortal.env, state="other")
    again.run(SCRIPT.format(name="sweep", idle=1, seconds=0.0, then=""))
    assert set(mortal.ran().values()) == {1}


@pytest.mark.slow
def test_outcomes_go_into_a_file(mortal, project):
    """For a run without a name that is the end of it: nothing is left, here or there."""
    killed(mortal, None)
    (run,) = told(project, "list")
    saved = project.root / "results.pickle"
    assert told(project, "attach", run["run"], "--save", str(saved))["tasks"] == 4
    found = pickle.loads(saved.read_bytes())
    assert [each.get("value") for each in found] == [0, 1, 4, None]
    assert str(found[3]["error"]) == "seven"
    assert told(project, "list") == []


@pytest.mark.lasts(40)
@pytest.mark.slow
def test_jobs_are_cancelled_and_outcomes_stay(mortal, project):
    """The script goes on later."""
    killed(mortal, idle=600, seconds=0.1)
    jobs = told(project, "list")[0]["jobs"]
    assert jobs
    assert told(project, "clean", "sweep", "--uncollected", code=1)[0]["refused"]
    assert told(project, "cancel", "sweep", "--dry-run")["cancelled"] == jobs
    assert told(project, "cancel", "sweep")["cancelled"] == jobs
    rested(project)
    mortal.run(SCRIPT.format(name="sweep", idle=1, seconds=0.1, then=""))
    ran = mortal.ran()
    assert ran[7] == ran[0] == 1


PATIENT = """
from fcx import FirecrestExecutor

def patient(folder):
    import os, time
    open(folder + "/begun", "w").close()
    while not os.path.exists(folder + "/go"):
        time.sleep(0.05)

with FirecrestExecutor(FOLDER, ["--time=00:05:00"], sleep_interval=1, task_retries=0, run="cut",
                       idle_timeout=60, parity="off") as executor:
    future = executor.submit(patient, FOLDER)
    future.result()
    print([attempt.error for attempt in future.attempts])
"""


@pytest.mark.slow
@pytest.mark.parametrize("who", ["`fcx runs cancel`", "the run's own client"])
def test_a_job_that_we_have_cancelled_was_not_cancelled_from_outside(mortal, project, who):
    """The next process knows who did it, and does not charge the task for it."""
    with mortal.start(PATIENT) as process:
        eventually((mortal.folder / "work" / "begun").exists, WAIT)
        if who == "the run's own client":
            process.send_signal(signal.SIGINT)
        else:
            process.kill()
        process.communicate(timeout=WAIT)
    if who != "the run's own client":
        assert told(project, "cancel", "cut")["cancelled"]
    rested(project)
    (mortal.folder / "work" / "go").touch()
    done = mortal.run(PATIENT)
    assert f"was cancelled by {who}" in done.stdout
    assert "outside" not in done.stdout + done.stderr


@pytest.mark.slow
def test_cleaning_takes_what_is_ours_alone(mortal, project):
    """Directory, slurm-*.out and entry; not before it is collected, unless that is said."""
    killed(mortal)
    rested(project)
    work = mortal.folder / "work"
    (work / "slurm-1.out").write_text("somebody else's")
    jobs = {task["job"] for task in told(project, "show", "sweep")["each_task"]} - {""}
    outputs = {work / f"slurm-{job}.out" for job in jobs}
    assert outputs
    for path in outputs:
        path.write_text("what a task has printed")
    refused = project.fcx("runs", "clean", "sweep", code=1).stdout
    assert "was not collected to its end" in refused
    assert told(project, "clean", "--all")[0]["removed"] is False
    plan = told(project, "clean", "--all", "--uncollected", "--dry-run")[0]
    assert set(map(Path, plan["outputs"])) == outputs
    assert told(project, "clean", "--all", "--uncollected", "--older-than", "1") == []
    assert Path(plan["directory"]).is_dir()
    base = Path(plan["directory"]).parent
    (base / "of-another-machine").mkdir()
    assert told(project, "clean", "sweep", "--uncollected")[0]["removed"] is True
    assert [path.name for path in base.iterdir() if "programs-" not in path.name] == [
        "of-another-machine"
    ]
    assert list(work.glob("slurm-*.out")) == [work / "slurm-1.out"]
    assert told(project, "list") == []


@pytest.mark.slow
def test_a_run_of_another_machine_is_no_older_and_no_emptier_than_it_is(mortal, project):
    """Taken over by directory and key: its outcomes are nobody's yet, and its age is not known."""
    killed(mortal)
    rested(project)
    (before,) = told(project, "list")
    key = told(project, "show", "sweep", "--key")
    given = ("attach", "--directory", key["directory"], "--key", key["key"])
    elsewhere = Project(project.root, {**project.env, "FCX_STATE_DIR": str(project.root / "other")})
    told(elsewhere, *given)
    assert told(elsewhere, "list")[0]["age"] is None
    assert told(elsewhere, "clean", "--all", "--older-than", "30") == []
    assert "not collected to its end" in told(elsewhere, "clean", "--all")[0]["refused"]
    assert Path(key["directory"]).is_dir()
    told(project, *given)  # the machine that began it remembers all of it
    (after,) = told(project, "list")
    assert (after["started"], after["tasks"]) == (before["started"], before["tasks"])


def test_what_is_not_there_cannot_be_attached_to(mortal, project, monkeypatch):
    """Said at once, and nothing is remembered; half of what is needed names the other half."""
    killed(mortal)
    key = told(project, "show", "sweep", "--key")
    for name, value in project.env.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(errors.UsageError, match="There is no run in"):
        attach(directory=key["directory"] + "x", key=key["key"])
    for half in ({"directory": key["directory"]}, {"key": key["key"]}, {}):
        with pytest.raises(errors.UsageError, match="its directory= and its key="):
            attach(**half)
    assert [run["run"] for run in told(project, "list")] == ["sweep"]


@pytest.mark.slow
def test_a_run_that_was_left_in_order_can_be_cleaned(mortal, project):
    """Its outcomes were had."""
    mortal.run(SCRIPT.format(name="sweep", idle=1, seconds=0.0, then=""))
    rested(project)
    (run,) = told(project, "list")
    assert run["state"] == "kept"
    assert "no run is in it any more" in project.fcx("runs", "clean", "--all").stdout
    assert not Path(run["directory"]).parent.exists()
    mortal.run(SCRIPT.format(name="sweep", idle=1, seconds=0.0, then=""))
    assert told(project, "list")[0]["state"] == "kept"  # and it is made anew


@pytest.mark.slow
def test_the_folder_of_runs_that_are_forgotten_can_be_removed(mortal, project):
    """Of a run without a name, that ended well, nothing else is left; another's keeps it."""
    mortal.run(SCRIPT.format(name=None, idle=1, seconds=0.0, then=""))
    (folder,) = (mortal.folder / "work").glob(".fcx-*")
    stranger = folder / "another-machines-run"
    stranger.mkdir()
    assert "There is nothing to remove." in project.fcx("runs", "clean", "--all").stdout
    stranger.rmdir()
    done = project.fcx("runs", "clean", "--all").stdout
    assert done == f"{folder}: removed: no run is in it any more\n"
    eventually(lambda: not folder.exists(), WAIT)
    assert "There is nothing to remove." in project.fcx("runs", "clean", "--all").stdout


@pytest.mark.slow
def test_what_a_process_serves_is_left_alone(mortal, project):
    """Even when it has no jobs at the moment."""
    text = SCRIPT.format(name="sweep", idle=0, seconds=0.0, then="futures[0].result(); input()")
    path = mortal.folder / "served.py"
    from executors.mortal import PRELUDE

    path.write_text(PRELUDE + text)
    (mortal.folder / "work").mkdir()
    env = {**project.environment(), "WORKING_DIR": str(mortal.folder / "work")}
    process = subprocess.Popen(
        [sys.executable, str(path)], env=env, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        eventually(lambda: told(project, "list", "--local"), WAIT)
        rested(project)
        (run,) = told(project, "list")
        assert (run["state"], run["process"]) == ("served", process.pid)
        for verb in ("clean", "cancel"):
            code = {"clean": 1, "cancel": 2}[verb]
            done = project.fcx("runs", verb, "sweep", code=code)
            assert f"served by process {process.pid}" in done.stdout + done.stderr
        process.communicate(b"\n", timeout=WAIT)
        assert told(project, "list")[0]["state"] == "kept"
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait()


def test_runs_of_a_cluster_that_is_gone_are_forgotten(mortal, project):
    """Nothing of it is asked, and what lies there stays: it can be entered anew."""
    killed(mortal)
    key = told(project, "show", "sweep", "--key")
    other = Project(project.root, {**project.env, "FIRECREST_SYSTEM": "elsewhere"})
    assert told(project, "clean", "--all", "--forget") == []
    assert told(other, "clean", "--all", "--forget", "--dry-run")[0]["forgotten"] is False
    assert [run["run"] for run in told(other, "list")] == ["sweep"]
    assert "forgotten" in other.fcx("runs", "clean", "--all", "--forget").stdout
    assert told(project, "list") == []
    assert Path(key["directory"]).is_dir()
    told(project, "attach", "--directory", key["directory"], "--key", key["key"])
    assert [run["run"] for run in told(project, "list")] == ["sweep"]


def test_runs_are_those_of_this_cluster(mortal, project, monkeypatch):
    """So that the newest of them can be attached to; the others are to be had by asking."""
    killed(mortal)
    for name, value in project.env.items():
        monkeypatch.setenv(name, value)
    assert [run.name for run in fcx.runs()] == ["sweep"]
    assert fcx.latest().name == "sweep"
    away = {**project.env, "FIRECREST_SYSTEM": "elsewhere"}
    assert fcx.runs(env=away) == []
    assert [run.system for run in fcx.runs(everywhere=True)] == [project.env["FIRECREST_SYSTEM"]]
    with pytest.raises(errors.UsageError, match=r"no run on elsewhere.*everywhere=True"):
        fcx.latest(env=away)


def test_a_run_on_another_cluster(mortal, project):
    """It is listed, and left alone with the reason; a cluster that is not there is said."""
    killed(mortal)
    other = Project(project.root, {**project.env, "FIRECREST_SYSTEM": "elsewhere"})
    assert [run["jobs"] for run in told(other, "list")] == [None]
    assert "set the FIRECREST variables" in other.fcx("runs", "cancel", "sweep", code=2).stderr
    shown = told(other, "show", "sweep")
    assert {task["state"] for task in shown["each_task"]} == {"unknown"}
    assert "set the FIRECREST variables" in shown["note"]
