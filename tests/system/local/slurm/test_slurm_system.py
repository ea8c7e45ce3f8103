"""The `slurm` back end: nodes, partitions and reservations; many at once; who is ended with it."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cluster.slurm import SlurmCluster
from firecrest import UnexpectedStatusException
from slurm_site import PATIENCE, Site, client, wait_for

from fcx.local import cluster

pytestmark = pytest.mark.slurm


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
