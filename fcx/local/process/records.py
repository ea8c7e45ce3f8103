"""Jobs, steps, nodes and partitions as the API shows them."""

from __future__ import annotations

import os
import time

from ..scheduler import Record
from ..users import group_name, user_name
from . import file_names
from .job import Job, Step
from .nodes import Node
from .partitions import PARTITIONS, Pools

FIRST_PRIORITY = 4_294_901_760


def job_record(job: Job, estimated_start: float | None) -> Record:
    """JobModel of the API: as squeue has it while it waits, else as sacct has it."""
    steps = [] if job.pending or job.run is None else job.run.steps
    return {
        "jobId": job.id,
        "name": job.spec.name,
        "status": _status(job),
        "tasks": [step_record(step, job.id) for step in steps],
        "time": _waiting(job, estimated_start) if job.pending else _running(job),
        "account": job.terms.account,
        "allocationNodes": len(job.nodes) or job.spec.size.nodes or 1,
        "cluster": "cluster",
        "group": group_name(),
        "nodes": "" if job.pending else (job.node_list or "None assigned"),
        "partition": job.terms.partition,
        "killRequestUser": None,
        "user": user_name(),
        "workingDirectory": job.spec.chdir,
        "priority": 0 if job.status.reason == "JobHeldUser" else FIRST_PRIORITY - job.number,
    }


def _status(job: Job) -> Record:
    return {
        "state": job.status.state,
        "stateReason": job.status.reason,
        "exitCode": None if job.pending else job.status.exit_code,
        "interruptSignal": None if job.pending else job.status.signal,
    }


def _waiting(job: Job, estimated_start: float | None) -> Record:
    limit = None if job.terms.limit is None else int(job.terms.limit)
    start = None if estimated_start is None else int(estimated_start)
    end = None if start is None or limit is None else start + limit
    return {"elapsed": 0, "start": start, "end": end, "suspended": None, "limit": limit}


def _running(job: Job) -> Record:
    until = time.time() if job.end is None else job.end
    return {
        "elapsed": 0 if job.start is None else int(until - job.start),
        "start": int(until if job.start is None else job.start),
        "end": None if job.end is None else int(job.end),
        "suspended": 0,
        "limit": None if job.terms.limit is None else int(job.terms.limit),
    }


def step_record(step: Step, job_id: str) -> Record:
    """JobTask of the API."""
    until = time.time() if step.end is None else step.end
    return {
        "id": f"{job_id}.{step.number}",
        "name": step.name,
        "status": {
            "state": step.state,
            "stateReason": None,
            "exitCode": step.exit_code,
            "interruptSignal": step.signal,
        },
        "time": {
            "elapsed": int(until - step.start),
            "start": int(step.start),
            "end": None if step.end is None else int(step.end),
            "suspended": 0,
            "limit": None,
        },
    }


def metadata_record(job: Job) -> Record:
    """JobMetadataModel of the API; a path ends at its first blank, as in the real server."""
    return {
        "jobId": job.id,
        "script": job.script.read_bytes().decode("utf-8", "replace"),
        "standardInput": file_names.source(job).split()[0],
        "standardOutput": file_names.output(job).split()[0],
        "standardError": file_names.error(job).split()[0],
    }


def node_record(node: Node, partitions: list[str]) -> Record:
    """NodeModel of the API: all nodes are this machine."""
    return {
        "sockets": 1,
        "cores": node.cpus,
        "threads": 1,
        "cpus": node.cpus,
        "cpuLoad": round(os.getloadavg()[0], 2),
        "freeMemory": _free_memory(),
        "features": "fcx",
        "name": node.name,
        "address": "127.0.0.1",
        "hostname": node.name,
        "state": [node.state],
        "partitions": partitions,
        "weight": 1,
        "allocMemory": 0,
        "allocCpus": node.cpus - node.free,
        "idleCpus": node.free,
    }


def _free_memory() -> int:
    """MiB."""
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // (1024 * 1024)


def partition_records(pools: Pools) -> list[Record]:
    """PartitionModel of the API, of each partition."""
    found = [(name, pools.of(name)) for name in PARTITIONS]
    return [
        {
            "name": name,
            "cpus": len(pool.nodes) * pool.cpus,
            "totalNodes": len(pool.nodes),
            "partition": "UP",
        }
        for name, pool in found
    ]
