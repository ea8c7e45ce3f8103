"""``fcx runs report`` and ``watch`` on real runs, looked at in a real browser."""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from cluster.project import FCX, Project
from executors.deadline import WAIT, eventually
from executors.fixtures import making

pytestmark = pytest.mark.slow

FAILED = "no </script><script>alert(1)</script> \u202e for {}"


def work(x):
    time.sleep(0.01)
    if x % 10 == 3:
        raise ValueError(FAILED.format(x))
    return x


def held(folder: str, x: int) -> int:
    """Runs until the file is there."""
    while not Path(folder, "go").exists():
        time.sleep(0.02)
    return x


@pytest.fixture
def project(tmp_path: Path, site) -> Project:
    return Project(tmp_path, dict(site))


@pytest.fixture(scope="module")
def ended(site, tmp_path_factory) -> str:
    """A run that was collected, and is gone: of 41 tasks four have raised, and one killed itself."""
    folder = tmp_path_factory.mktemp("ended")
    with making(site, folder) as make:
        executor = make(folder, ["--time=00:05:00"], task_retries=0, workers_per_node=2)
        with executor:
            futures = [executor.submit(work, x) for x in range(40)]
            futures.append(executor.submit(os._exit, 3))
            [future.exception() for future in futures]
    return Path(executor.run_directory).name


def told(project: Project, run: str, *more: str):
    return json.loads(project.fcx("runs", "report", run, "--json", *more).stdout)


def test_the_report_knows_what_became_of_each_task(project, ended):
    report = told(project, ended)
    assert report["state"] == "ended"
    assert report["totals"]["states"] == {"done": 36, "raised": 4, "failed": 1}
    assert {one["error"]: one["count"] for one in report["failures"]} == {
        "ValueError": 4,
        "WorkerDied": 1,
    }
    assert "in work" in report["failures"][0]["traceback"]
    digests = {one["name"].rpartition(".")[2]: one["digest"] for one in report["functions"]}
    assert len(digests["work"]) == 64
    assert digests["_exit"] == ""
    begins = [
        row[report["attempts"]["columns"].index("begin")] for row in report["attempts"]["data"]
    ]
    assert all(report["began"] < begin < report["ended"] for begin in begins)
    waits = [row[report["tasks"]["columns"].index("wait")] for row in report["tasks"]["data"]]
    assert all(wait > 0 for wait in waits)
    assert report["totals"]["requests"] == sum(report["requests"].values()) > 3
    assert report["shapes"][0]["place"]["remote"]["packages"]["dill"]
    assert report["pilots"][0]["agents"][0]["workers"] == 2


def test_slurm_is_asked_for_the_end_of_jobs(project, ended):
    eventually(lambda: told(project, ended, "--ask")["totals"]["sure"], WAIT)
    report = told(project, ended)
    assert {pilot["basis"] for pilot in report["pilots"]} == {"Slurm"}
    assert {pilot["state"] for pilot in report["pilots"]} == {"COMPLETED"}
    assert report["totals"]["node_hours"] > 0


def test_the_crate_goes_into_a_new_folder(project, ended):
    project.fcx("runs", "report", ended, "--ro-crate", "crate")
    assert {path.name for path in (project.root / "crate").iterdir()} == {
        *("ro-crate-metadata.json", "report.html", "report.json", "environment.json")
    }
    refused = project.fcx("runs", "report", ended, "--ro-crate", "crate", code=2)
    assert "there already" in refused.stderr


def test_a_run_that_nothing_was_noted_of_is_refused(project, ended):
    assert "noted nothing" in project.fcx("runs", "report", "no-such-run", code=2).stderr


def drawn(page) -> dict[str, int]:
    names = ("fill", "lane", "tick", "grid")
    return {name: page.says(f"document.querySelectorAll('svg .{name}').length") for name in names}


def test_a_browser_draws_it_without_a_request_or_an_error(project, ended, chromium):
    project.fcx("runs", "report", ended, "--output", "report.html")
    url = (project.root / "report.html").as_uri()
    chromium.open(url)
    assert min(drawn(chromium).values()) >= 3
    assert chromium.says("document.title") == f"{ended}: run report"
    assert chromium.says("document.querySelectorAll('svg').length") == 3
    assert chromium.says("document.querySelector('details pre').textContent").count("alert(1)") >= 1
    light = chromium.says("getComputedStyle(document.body).backgroundColor")
    chromium.prefers("dark")
    assert chromium.says("getComputedStyle(document.body).backgroundColor") != light
    assert chromium.errors == []
    assert chromium.requests == [url]


def test_pointing_tells_of_a_task_and_dragging_zooms(project, ended, chromium):
    project.fcx("runs", "report", ended, "-o", "report.html")
    chromium.open((project.root / "report.html").as_uri())
    chromium.says("document.getElementById('timeline').scrollIntoView()")
    left, top, scale = chromium.says(
        "(r => [r.x, r.y, r.width / 960])(document.getElementById('timeline').getBoundingClientRect())"
    )
    data = json.loads(chromium.says("document.getElementById('attempts').textContent"))
    n = data["seconds"].index(max(data["seconds"]))
    middle = (data["begin"][n] + data["seconds"][n] / 2) / data["length"]
    x = left + scale * (data["left"] + data["width"] * middle)
    y = top + scale * (data["tops"][data["lane"][n]] + data["pitch"] / 2)
    chromium.mouse("mouseMoved", x, y)
    assert data["task"][n] in chromium.says("document.querySelector('.tip').textContent")
    ticks = chromium.says("document.querySelector('#timeline .time').textContent")
    chromium.mouse("mousePressed", x - 60, y, button="left", clickCount=1)
    chromium.mouse("mouseMoved", x + 60, y, button="left", buttons=1)
    chromium.mouse("mouseReleased", x + 60, y, button="left", clickCount=1)
    assert chromium.says("document.querySelector('#timeline .time').textContent") != ticks
    assert chromium.says("document.querySelectorAll('#timeline .spans path').length") >= 1
    assert chromium.errors == []


def test_it_can_be_read_without_scripts(project, ended, chromium):
    project.fcx("runs", "report", ended, "-o", "report.html")
    chromium.ask("Emulation.setScriptExecutionDisabled", value=True)
    chromium.open((project.root / "report.html").as_uri())
    document = chromium.ask("DOM.getDocument", depth=-1)["root"]["nodeId"]
    lanes = chromium.ask("DOM.querySelectorAll", nodeId=document, selector="#timeline .lane")
    assert len(lanes["nodeIds"]) >= 2
    assert chromium.errors == []


def test_a_script_that_is_started_again_goes_on_with_its_ledger(make, tmp_path, project):
    for tasks in (2, 3):
        with make(tmp_path, ["--time=00:05:00"], run="twice", max_workers=1) as executor:
            [future.result() for future in [executor.submit(pow, n, 2) for n in range(tasks)]]
    report = told(project, "twice")
    column = report["tasks"]["columns"].index
    assert report["totals"]["states"] == {"done": 3}
    assert len(report["processes"]) == 2
    assert all(
        row[column("submitted")] and row[column("wait")] > 0 for row in report["tasks"]["data"]
    )
    assert len(report["attempts"]["data"]) == 3


def test_a_run_goes_on_where_nothing_can_be_noted(
    make, tmp_path, state_folder, monkeypatch, caplog
):
    elsewhere = tmp_path / "state"
    elsewhere.mkdir()
    (elsewhere / "ledgers").write_text("no folder")
    monkeypatch.setenv("FCX_STATE_DIR", str(elsewhere))
    with caplog.at_level("INFO", "fcx"), make(tmp_path, ["--time=00:05:00"]) as executor:
        assert executor.submit(pow, 2, 3).result() == 8
    assert len([one for one in caplog.messages if "`fcx runs report`" in one]) == 1


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=WAIT) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ""


def test_watching_follows_a_run_until_it_ends(make, site, tmp_path, project, chromium):
    name = "watched"
    with make(tmp_path, ["--time=00:05:00"], run=name) as executor:
        future = executor.submit(held, str(tmp_path), 7)
        eventually(future.running, WAIT)
        watching = subprocess.Popen(
            [*FCX, "runs", "watch", name, "--no-browser"],
            env=project.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            url = watching.stderr.readline().split()[-1]
            assert url.startswith("http://127.0.0.1:")
            assert get(url.rsplit("/", 2)[0] + "/guessed/")[0] == 404
            assert get(url + "elsewhere")[0] == 404
            chromium.open(url)
            chromium.wait("document.querySelector('.state').textContent == 'running'")
            chromium.wait("document.querySelector('.tile').textContent.includes('1 running')")
            (tmp_path / "go").touch()
            assert future.result() == 7
            chromium.wait("document.querySelector('.tile').textContent.includes('1 done')")
            executor.shutdown()
            chromium.wait("document.querySelector('.state').textContent == 'ended'")
            out, err = watching.communicate(timeout=WAIT)
        finally:
            if watching.poll() is None:
                watching.kill()
                watching.wait()
    assert watching.returncode == 0, err
    assert "1 running" in out
    assert "1 done" in out.splitlines()[-1]
    assert chromium.errors == []
    assert {one.rsplit("/", 1)[0] + "/" for one in chromium.requests} == {url}
