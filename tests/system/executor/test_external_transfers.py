"""What is large goes through the site's staging area; where it cannot, it arrives all the same."""

from __future__ import annotations

import logging
import os
import random
from pathlib import Path

import pytest
from executors.deadline import WAIT, eventually, within
from executors.fixtures import making
from executors.script import memory_for_a_result
from msgspec.structs import replace

from fcx.executor.core import external
from fcx.executor.settings import RunSettings
from fcx.local import cluster
from fcx.protocol.parts import PART

SIZE = 3 * PART + 5
LEAST = 2 * PART  # bytes from which it goes that way here


def made(size, seed=1):
    """Something large."""
    return random.Random(seed).randbytes(size)


@pytest.fixture(autouse=True)
def _from_less_on(monkeypatch):
    """So that a test need not move hundreds of megabytes, nor wait for minutes."""
    limits = RunSettings.limits

    def lower(self, *given, **more):
        return replace(limits(self, *given, **more), external=LEAST)

    monkeypatch.setattr(RunSettings, "limits", lower)
    monkeypatch.setattr(external, "QUEUE", 1.0)


@pytest.fixture
def faults(site):
    """Faults that are lifted after the test; requests are counted from here."""
    site.reset_counts()
    yield site.faults
    site.faults.clear()


@pytest.fixture
def said(caplog):
    """What the run warns of; no address of the staging area is said to anybody."""
    caplog.set_level(logging.DEBUG)
    yield lambda: [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
    assert "Signature" not in caplog.text


def staged(site):
    """Requests of transfers, by kind."""
    return {kind: n for kind, n in site.counts().items() if kind.startswith(("transfer", "stage"))}


def test_a_result_and_an_argument(make, site, faults, said):
    """No part of either is downloaded or uploaded; nothing is left of the way."""
    executor, value = make(max_workers=1), made(SIZE)
    assert executor.submit(made, SIZE).result(WAIT) == value
    assert executor.submit(len, executor.put(value)).result(WAIT) == SIZE
    counts = site.counts()
    assert counts["transfer.compress"] == counts["transfer.download"] == 1
    assert counts["transfer.upload"] == 1
    assert counts["stage.get"] >= 3
    assert "download" not in counts
    assert not said()
    run = Path(executor.run_directory)
    (whole,) = (each for each in run.glob("objects/*") if each.is_symlink())
    assert os.path.basename(os.readlink(whole)) == f"{whole.name}.whole"
    assert not list(run.glob("parts/*.tar"))
    assert not list(Path(site.root, "transfers").iterdir())


def test_a_result_that_is_damaged_on_its_way(make, site, faults, said):
    """It comes in parts, as all that is large does from then on, and that is said once."""
    faults.set("stage.get", spoil=1)
    executor = make(max_workers=1)
    assert executor.submit(made, SIZE).result(WAIT) == made(SIZE)
    before = staged(site)
    assert executor.submit(made, SIZE, 2).result(WAIT) == made(SIZE, 2)
    assert executor.submit(len, made(SIZE)).result(WAIT) == SIZE
    assert staged(site) == before
    (warning,) = said()
    assert warning.startswith("What is large goes in parts from now on")
    assert warning.endswith("what came of it is not what was written")


@pytest.mark.slow
def test_an_argument_whose_job_stays_in_the_queue(make, site, faults, said):
    """It goes in pieces, and the job is cancelled, which nobody sends anything any more."""
    faults.set("transfer.upload", pending=60.0)
    executor = make(max_workers=1)
    assert executor.submit(len, made(SIZE)).result(WAIT) == SIZE
    assert site.counts()["cancel"] == 1
    assert "still in the queue after 1 s" in said()[0]


@pytest.mark.slow
def test_an_executor_that_is_given_up_meanwhile(make, site, faults, monkeypatch):
    """It waits for nothing, and the job that waits for an argument is cancelled."""
    monkeypatch.setattr(external, "QUEUE", 3600.0)
    faults.set("transfer.upload", pending=3600.0)
    executor = make(max_workers=1)
    executor.submit(len, made(SIZE))
    eventually(lambda: "stage.post" in site.counts())
    executor._run.close(abort=True)
    within(WAIT, executor._run.finished.wait)
    assert site.counts()["cancel"] == 1


def test_what_is_small(make, site, faults):
    """No request tells that there is another way."""
    executor = make(max_workers=1)
    assert executor.submit(made, PART - 4096).result(WAIT) == made(PART - 4096)
    assert not staged(site)
    assert "systems" not in site.counts()


@pytest.mark.slow
def test_a_site_without_a_staging_area(tmp_path, said, monkeypatch):
    """Is asked once, for all runs of a week; it is nothing to be warned of."""
    monkeypatch.setenv("FCX_STATE_DIR", str(tmp_path / "state"))
    with cluster(max_part_size=0) as env:
        for number in range(2):
            with making(env, tmp_path) as make:
                executor = make(max_workers=1)
                assert executor.submit(made, SIZE, number).result(WAIT) == made(SIZE, number)
                assert executor.submit(len, made(SIZE)).result(WAIT) == SIZE
                executor.shutdown()
        assert env.counts()["systems"] == 1
        assert not staged(env)
    assert not said()


@pytest.mark.slow
def test_in_memory_once(site, faults, tmp_path):
    """The client takes about the size of the value, whichever way it comes."""
    lower = """
        from msgspec.structs import replace
        from fcx.executor.settings import RunSettings

        limits = RunSettings.limits
        RunSettings.limits = lambda *a, **k: replace(limits(*a, **k), external=9_000_000)
    """
    assert memory_for_a_result(tmp_path, site, lower.strip()) < 1.5
    assert site.counts()["transfer.download"] == 2
    assert "download" not in site.counts()
