"""A run whose requests fail by the dozen: nothing lost, nothing wrong, nothing left."""

from __future__ import annotations

import time

import pytest
from chaos.faults import KINDS
from chaos.proxy import chaos_proxy
from chaos.trial import Plan, attempt
from cluster.slurm import missing, slurm_cluster
from executors.deadline import WAIT
from executors.fixtures import making

from fcx.local import cluster

TASKS = 300


@pytest.fixture(scope="module")
def env():
    """A cluster of this module's own."""
    with cluster(scheduler="process", nodes=8) as served:
        yield served


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_a_run_comes_through(env, tmp_path, seed):
    """With nearly a third of the requests spoilt."""
    outcome = attempt(Plan(seed, TASKS, kills=0, share=0.3), env, tmp_path)
    assert outcome.good, str(outcome)
    assert outcome.more_than_once == 0
    assert sum(outcome.faults.values()) >= 3


@pytest.mark.slow
def test_a_client_that_is_killed_takes_up_its_run(env, tmp_path):
    """By being run again, through the same faults."""
    outcome = attempt(Plan(3, TASKS, kills=1, share=0.3), env, tmp_path)
    assert outcome.good, str(outcome)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["worker killed", "agent killed", "job cancelled"])
def test_what_is_killed_is_done_again(env, tmp_path, kind):
    """With requests that fail, too; what ran more than once is told."""
    outcome = attempt(Plan(4, TASKS, kills=0, share=0.1, strikes=2, kinds=(kind,)), env, tmp_path)
    assert outcome.good, str(outcome)
    assert outcome.strikes[kind]


@pytest.mark.lasts(30)
@pytest.mark.slow
@pytest.mark.slurm
def test_slurms_controller_is_killed_in_the_middle(tmp_path, monkeypatch):
    """Jobs go on without it. In a Slurm of its own, which forgets some of what it had."""
    lack = missing()
    if lack:
        pytest.skip(lack)
    plan = Plan(5, TASKS, kills=1, share=0.1, strikes=1, kinds=("slurmctld killed",))
    with slurm_cluster() as slurm:
        monkeypatch.setenv("SLURM_CONF", str(slurm.conf))
        with cluster(scheduler="slurm") as served:
            outcome = attempt(plan, served, tmp_path, slurm)
    assert outcome.good, str(outcome)
    assert outcome.strikes["slurmctld killed"]


def test_without_faults_the_proxy_changes_nothing(env, tmp_path):
    """A small run, and as many jobs as ever."""
    outcome = attempt(Plan(0, 5, kills=0, share=0.0), env, tmp_path)
    assert outcome.good, str(outcome)
    assert not outcome.faults


def test_all_kinds_occur():
    """Drawn by the seed, in the given share."""
    with chaos_proxy("http://127.0.0.1:9", 0.3, seed=7) as proxy:
        drawn = [proxy._fault() for _ in range(4000)]
    assert {fault.name for fault in drawn if fault} == {fault.name for fault in KINDS}
    assert 0.25 < sum(fault is not None for fault in drawn) / 4000 < 0.35


@pytest.mark.slow
def test_a_long_wait_that_the_server_asks_for_is_obeyed(env, tmp_path):
    """Longer than the door's own patience: nobody asks again before."""
    wait = 18
    env.reset_counts()
    env.faults.set("submit", times=1, rate=wait)
    began = time.monotonic()
    with making(env, tmp_path) as make, make(max_workers=1) as executor:
        assert executor.submit(abs, -1).result(WAIT) == 1
    assert time.monotonic() - began >= wait
    assert env.counts()["submit"] == 2
