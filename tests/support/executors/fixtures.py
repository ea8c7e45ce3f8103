"""Fixtures for tests/conftest.py: a site to run tasks on, and executors that are always closed.

`site` is a local cluster of processes, which every machine has; `FCX_TEST_SCHEDULER=slurm` puts a
real Slurm behind it instead. Tests of what only a scheduler does ask for `slurm_firecrest`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from executors.deadline import WAIT, within
from fcx import FirecrestExecutor
from fcx.local import Environment, cluster

TIME = "--time=00:05:00"


@pytest.fixture(scope="session", autouse=True)
def state_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What fcx remembers is kept out of the home directory."""
    folder = tmp_path_factory.mktemp("state")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FCX_STATE_DIR", str(folder))
        yield folder


@pytest.fixture(scope="session")
def site(request: pytest.FixtureRequest) -> Iterator[Environment]:
    """The six variables of a cluster that runs tasks."""
    if os.environ.get("FCX_TEST_SCHEDULER") == "slurm":
        yield request.getfixturevalue("slurm_firecrest")
        return
    with cluster(scheduler="process", nodes=8) as env:
        yield env


Make = Callable[..., FirecrestExecutor]


@pytest.fixture
def make(site: Environment, tmp_path: Path) -> Iterator[Make]:
    """Make executors on the site; those that a test leaves open are aborted."""
    with making(site, tmp_path) as function:
        yield function


@contextlib.contextmanager
def making(env: Environment, folder: Path) -> Iterator[Make]:
    """A function that makes executors with a short life, whatever else they are given."""
    made: list[FirecrestExecutor] = []

    def build(*args: Any, **options: Any) -> FirecrestExecutor:
        chosen = {"env": env, "sleep_interval": 1, "idle_timeout": 3.0, "max_workers": 2, **options}
        given = args or (folder, [TIME])
        made.append(FirecrestExecutor(*given, **chosen))
        return made[-1]

    yield build
    for executor in made:
        if not executor._run.finished.is_set():
            executor._run.close(abort=True)
            within(WAIT, executor._run.finished.wait)


@pytest.fixture(scope="session")
def ex(site: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FirecrestExecutor]:
    """An executor with a pilot that stays, for tests that only need a task to run."""
    folder = tmp_path_factory.mktemp("shared")
    with making(site, folder) as build:
        executor = build(folder, ["--time=00:30:00"], idle_timeout=600.0, max_workers=1)
        yield executor
