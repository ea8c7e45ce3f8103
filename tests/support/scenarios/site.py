"""The cluster that a scenario asks for: nodes, capacity, time limits."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from simulation.scenario import Scenario

from fcx.local import Environment, cluster

AMPLE = 16  # jobs at a time that no scenario of a few tasks exceeds
MEMORY = 400  # MB of a job one of whose tasks takes too much
ENOUGH = 1000  # MB of any other


def options_of(scenario: Scenario) -> list[str]:
    """For sbatch."""
    limits = scenario.limits
    options = [f"--time={int(scenario.job_limit // 60)}", f"--nodes={limits.nodes}"]
    if scenario.capacity < AMPLE:
        options.append("--exclusive")
    if limits.requeue:
        options.append("--requeue")
    if limits.words.pilots != "fcx":
        options.append("--job-name=mine")
    eats = any(plan.how == "memory" for plan in scenario.tasks)
    return [*options, f"--mem={MEMORY if eats else ENOUGH}"]


def nodes_of(scenario: Scenario) -> int:
    """As many as its capacity takes; where that is ample, jobs share them."""
    nodes = scenario.limits.nodes
    return nodes * scenario.capacity if scenario.capacity < AMPLE else 2


@contextlib.contextmanager
def site(scheduler: str, scenario: Scenario) -> Iterator[Environment]:
    """Serve it."""
    nodes, cpus = nodes_of(scenario), 4 * AMPLE
    with contextlib.ExitStack() as stack:
        if scheduler == "slurm":
            from cluster.slurm import slurm_cluster

            slurm = stack.enter_context(slurm_cluster(nodes=nodes, cpus=cpus))
            os.environ.update(slurm.env)
        yield stack.enter_context(cluster(scheduler=scheduler, nodes=nodes, cpus_per_node=cpus))
