"""What people hand an executor to works with ours, and gives what it gives on this machine."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from consumers import notebooks
from consumers.everything import CONSUMERS
from executors.fixtures import making

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def executor(site, tmp_path_factory):
    """One for all: a pilot that stays, with two workers."""
    folder = tmp_path_factory.mktemp("consumers")
    with making(site, folder) as make:
        options = {"max_workers": 2, "workers_per_node": 2, "idle_timeout": 600.0}
        yield make(folder, ["--time=00:30:00"], **options)


@pytest.mark.filterwarnings("default")  # theirs are not ours to fix
@pytest.mark.parametrize("name", CONSUMERS)
def test_a_consumer_gets_what_it_gets_from_threads(executor, name, monkeypatch):
    """One line of the user's, equal results, and they come from the cluster."""
    with ThreadPoolExecutor(2) as threads:
        wanted = CONSUMERS[name](threads)
    submit, futures = executor.submit, []
    monkeypatch.setattr(
        executor, "submit", lambda *task: futures.append(submit(*task)) or futures[-1]
    )
    assert CONSUMERS[name](executor) == wanted
    assert len(futures) > 1


@pytest.mark.filterwarnings("default")
def test_a_notebook(site, tmp_path):
    """Its cells' functions and classes travel, as they are when a task is submitted."""
    assert notebooks.run(site, tmp_path) == list(notebooks.CELLS.values())
