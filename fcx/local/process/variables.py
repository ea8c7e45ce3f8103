"""Slurm's variables in the environment of a job."""

from __future__ import annotations

import os

from ..users import group_name, user_name
from .job import Job
from .nodes import repeated, spread
from .spec import Size


def of_job(job: Job) -> dict[str, str]:
    """Those that every job finds."""
    assert job.run is not None
    nodes = len(job.nodes)
    size = job.spec.size
    tasks = size.ntasks or nodes * (size.ntasks_per_node or 1)
    found = {
        "SLURM_JOB_ID": job.id,
        "SLURM_JOBID": job.id,
        "SLURM_JOB_NAME": job.spec.name,
        "SLURM_JOB_NUM_NODES": str(nodes),
        "SLURM_NNODES": str(nodes),
        "SLURM_JOB_NODELIST": job.node_list,
        "SLURM_NODELIST": job.node_list,
        "SLURM_JOB_PARTITION": job.terms.partition,
        "SLURM_JOB_ACCOUNT": job.terms.account,
        "SLURM_JOB_QOS": job.spec.charge.qos or "normal",
        "SLURM_JOB_USER": user_name(),
        "SLURM_JOB_UID": str(os.getuid()),
        "SLURM_JOB_GID": str(os.getgid()),
        "SLURM_JOB_GROUP": group_name(),
        "SLURM_CLUSTER_NAME": "cluster",
        "SLURM_SUBMIT_DIR": job.spec.chdir,
        "SLURM_SUBMIT_HOST": "fcx-login",
        "SLURM_CPUS_ON_NODE": str(job.run.cpus),
        "SLURM_JOB_CPUS_PER_NODE": repeated([job.run.cpus] * nodes),
        "SLURM_TASKS_PER_NODE": repeated(spread(tasks, nodes)),
        "SLURM_NODEID": "0",
        "SLURM_PROCID": "0",
        "SLURM_LOCALID": "0",
        "SLURM_GTIDS": "0",
        "SLURM_JOB_START_TIME": str(int(job.run.start)),
        "ENVIRONMENT": "BATCH",
    }
    if job.terms.limit is not None:
        found["SLURM_JOB_END_TIME"] = str(int(job.run.start + job.terms.limit))
    if job.restarts:
        found["SLURM_RESTART_COUNT"] = str(job.restarts)
    return found


def asked_for(size: Size) -> dict[str, str]:
    """Those that are there only where the option was."""
    given = {
        "SLURM_NTASKS": size.ntasks,
        "SLURM_NPROCS": size.ntasks,
        "SLURM_NTASKS_PER_NODE": size.ntasks_per_node,
        "SLURM_CPUS_PER_TASK": size.cpus_per_task,
        "SLURM_MEM_PER_NODE": size.mem,
    }
    return {name: str(value) for name, value in given.items() if value is not None}
