"""A gateway's quota of requests: told by headers it is kept; found out, it is met once or twice."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from executors.deadline import WAIT
from executors.fixtures import TIME

from fcx import FirecrestExecutor
from fcx.local import Environment, cluster
from fcx.state.memory import Memory

pytestmark = pytest.mark.slow


def run(env: Environment, folder: Path, tasks: int, **settings: object) -> dict[int, int]:
    """So many tasks, each after the other; what the server's answers were."""
    env.reset_counts()
    with FirecrestExecutor(folder, [TIME], max_workers=1, env=env, **settings) as executor:
        assert [executor.submit(abs, -n).result(WAIT) for n in range(tasks)] == list(range(tasks))
    return env.statuses()


def test_what_headers_tell_is_kept(tmp_path):
    """Nothing is refused, though twice as many could have been asked for in that time."""
    with cluster() as env:
        env.faults.set("*", quota=60)
        answers = run(env, tmp_path, 25)
    assert sum(answers.values()) > 60
    assert 429 not in answers


def test_what_nothing_tells_of_is_found_out_and_remembered(tmp_path):
    """At most what was under way is refused; the next process begins where this one ended."""
    with cluster() as env:
        env.faults.set("*", unsaid=60)
        answers = run(env, tmp_path, 30)
        memory = Memory(logging.getLogger("fcx"))
        what = f"requests {env['FIRECREST_URL']} {env['FIRECREST_CLIENT_ID']}"
        rate = memory.get(what, 60.0)
    assert 1 <= answers[429] <= 6
    assert 0.5 < rate < 6


def test_a_stated_quota_is_kept_from_the_start(tmp_path):
    """Without a word of the server."""
    with cluster() as env:
        env.faults.set("*", unsaid=60)
        answers = run(env, tmp_path, 10, requests_per_minute=240)
    assert 429 not in answers
