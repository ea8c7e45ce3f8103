"""What all tests share: real parts are skipped where they are missing, unless they are required.

``FCX_TEST_REQUIRE=slurm,docker,podman,chromium`` (set by CI) turns the skip of a missing part into a failure.
"""

from __future__ import annotations

import logging
import os

import pytest
from chromium import chromium
from cluster.fixtures import environment_slurm, slurm, slurm_firecrest
from cluster.fixtures_docker import built, engine
from cluster.fixtures_podman import podman
from executors.fixtures import ex, make, site, state_folder
from hypothesis import settings
from longest_first import in_order

__all__ = [  # fixtures that every test may ask for
    "built",
    "chromium",
    "engine",
    "environment_slurm",
    "ex",
    "make",
    "podman",
    "site",
    "slurm",
    "slurm_firecrest",
    "state_folder",
]


@pytest.fixture(scope="session", autouse=True)
def home_of_jobs(tmp_path_factory):
    """Jobs of local clusters have an empty home: login shells run nobody's start-up files."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FCX_LOCAL_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(autouse=True)
def new_logger():
    """Executors and commands set up the logger ``fcx`` of their process: each test finds it new."""
    logger = logging.getLogger("fcx")
    logger.setLevel(logging.NOTSET)
    logger.propagate = True
    logger.handlers.clear()


# CI tries the same examples each time: a new one is found by those who work on the code.
settings.register_profile("fcx", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("fcx")

REQUIRED = set(filter(None, os.environ.get("FCX_TEST_REQUIRE", "").split(",")))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """A test that asks for a real part has its mark, said or not; workers begin with the longest."""
    for item in items:
        for part, fixture in {
            "slurm": "slurm",
            "docker": "engine",
            "podman": "podman",
            "chromium": "chromium",
        }.items():
            if fixture in getattr(item, "fixturenames", ()):
                item.add_marker(part)
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    if workers > 1:
        items[:] = in_order(items, workers)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A skipped test of a required part has failed."""
    outcome = yield
    report = outcome.get_result()
    required = REQUIRED & {mark.name for mark in item.iter_markers()}
    if report.skipped and required and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{sorted(required)} is required here, yet: {report.longrepr}"
