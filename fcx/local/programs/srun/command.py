"""What srun does from its command line to its exit status."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from typing import Any

from ..controller import Refused, Unreachable, ask, settings
from .messages import fail, waits
from .options import read_options
from .step import Step

RETRY = 0.2  # seconds until a step that must wait is asked for again


def main() -> None:
    """Read the options, ask for a step, run its tasks, end as they ended."""
    options, command = read_options(sys.argv[1:])
    if not command:
        fail("No command given to execute.")
    job_id = options.get("jobid") or os.environ.get("SLURM_JOB_ID")
    if not job_id:
        fail("Unable to allocate resources: this srun starts tasks inside a job, and this is none")
    engine = engine_prefix(options.get("environment"))
    step = _granted(wanted(options, job_id, command))
    status = Step(step, options, [*engine, *command]).run()
    with contextlib.suppress(Unreachable, Refused):  # if the job has been ended meanwhile
        ask("step/end", job=job_id, step=step["step"], status=status)
    sys.exit(status if status < 256 else 128 + (status >> 8))


def _granted(step: dict[str, Any]) -> dict[str, Any]:
    """The step, once other steps of its job leave it the CPUs: as long as that takes."""
    told = False
    while True:
        try:
            found = dict(ask("step/start", **step))
        except Unreachable as problem:
            fail(f"Unable to contact slurm controller: {problem}")
        except Refused as problem:
            fail(str(problem))
        if "busy" not in found:
            return found
        if not told:
            waits(step["job"])
        told = True
        time.sleep(RETRY)


def engine_prefix(environment: str | None) -> list[str]:
    """The command that enters the container of an EDF, from the cluster's engine."""
    if environment is None:
        return []
    try:
        engine = settings().get("engine")
    except Unreachable as problem:
        fail(f"Unable to contact slurm controller: {problem}")
    if not engine:
        fail(
            f"--environment={environment}: this local cluster has no container engine, so it "
            "cannot run an EDF;\nleave --environment out, or use a cluster that has one"
        )
    return [*engine, "--environment", environment, "--"]


def wanted(options: dict[str, str], job_id: str, command: list[str]) -> dict[str, Any]:
    """The step as the server is asked for it."""
    nodes = options.get("nodes", "").partition("-")[0]
    if nodes and not nodes.isdigit():
        fail(f'"{options["nodes"]}" is not a valid node count', 255)
    return {
        "job": job_id,
        "pid": os.getpid(),
        "name": options.get("job-name") or os.path.basename(command[0]),
        "nodes": int(nodes) if nodes else None,
        "ntasks": int(options["ntasks"]) if "ntasks" in options else None,
        "ntasks_per_node": int(options["ntasks-per-node"])
        if "ntasks-per-node" in options
        else None,
        "cpus_per_task": int(options.get("cpus-per-task", "1")),
        "overcommit": "overcommit" in options,
        "overlap": "overlap" in options,
        "exact": bool({"exact", "exclusive", "cpus-per-task"} & set(options)),
        "nodelist": options.get("nodelist"),
        "relative": int(options.get("relative", "0")),
    }
