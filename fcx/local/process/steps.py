"""Which nodes and how many tasks a step of a job gets."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import SchedulerError
from ..scheduler import Record
from .job import Hold, Job, Run
from .nodes import Node, node_list, repeated, spread
from .workplace import Workplace


def grant(job: Job, run: Run, wanted: Record, workplace: Workplace) -> Record:
    """The step that srun asked for, entered in the job's record; SchedulerError if it cannot be.

    ``{"busy": True}`` where it must wait: a step holds its CPUs, all of them unless it is exact,
    and leaves them to nobody; only a step that overlaps neither holds any nor waits for them.
    """
    nodes = _nodes(job, wanted)
    tasks = spread(_task_count(job, run, wanted, len(nodes)), len(nodes))
    laid = [(node, count) for node, count in zip(nodes, tasks, strict=True) if count]
    held = {} if wanted["overlap"] else _held(run, wanted, laid)
    if any(run.cpus - run.held(node) < cpus for node, cpus in held.items()):
        return {"busy": True}
    return {
        "job": job.id,
        "step": run.new_step(str(wanted["name"]), Hold(int(wanted["pid"]), held)),
        "nodelist": node_list(node for node, _ in laid),
        "tasks_per_node": repeated([count for _, count in laid]),
        "nodes": [
            {
                "name": node.name,
                "index": index,
                "tasks": count,
                "env": workplace.node_environment(node) | {"SLURM_CPUS_ON_NODE": str(run.cpus)},
            }
            for index, (node, count) in enumerate(laid)
        ],
    }


def _held(run: Run, wanted: Record, laid: Sequence[tuple[Node, int]]) -> dict[str, int]:
    """How many CPUs of each node the step takes for itself."""
    if not wanted["exact"]:
        return {node.name: run.cpus for node, _ in laid}
    return {node.name: min(run.cpus, count * wanted["cpus_per_task"]) for node, count in laid}


def _nodes(job: Job, wanted: Record) -> list[Node]:
    if wanted["nodelist"]:
        return _named(job, wanted)
    nodes = job.nodes[wanted["relative"] :]
    if wanted["nodes"] is None:
        per_node = wanted["ntasks_per_node"] or 1
        few = wanted["ntasks"] is not None and wanted["ntasks"] < len(nodes) * per_node
        return nodes[: max(1, -(-wanted["ntasks"] // per_node))] if few else nodes
    if wanted["nodes"] > len(nodes):
        raise SchedulerError(f"Only allocated {len(nodes)} nodes asked for {wanted['nodes']}")
    return nodes[: wanted["nodes"]]


def _named(job: Job, wanted: Record) -> list[Node]:
    names = {node.name: node for node in job.nodes}
    chosen = [names[name] for name in wanted["nodelist"].split(",") if name in names]
    if not chosen:
        raise SchedulerError(
            f"Unable to create step for job {job.id}: Requested node configuration is not available"
        )
    return chosen[: wanted["nodes"]] if wanted["nodes"] else chosen


def _task_count(job: Job, run: Run, wanted: Record, nodes: int) -> int:
    count = int(wanted["ntasks"] or nodes * (wanted["ntasks_per_node"] or 1))
    if count * wanted["cpus_per_task"] > nodes * run.cpus and not wanted["overcommit"]:
        raise SchedulerError(
            f"Unable to create step for job {job.id}: More processors requested than permitted"
        )
    return max(count, nodes) if wanted["nodes"] and not wanted["ntasks"] else count


def end(run: Run, number: str, status: int) -> None:
    """Note how a step ended; a signal stands in the status' high byte."""
    code, by_signal = (status, 0) if status < 256 else (0, status >> 8)
    state = "FAILED" if code else "CANCELLED" if by_signal else "COMPLETED"
    for step in run.steps:
        if step.number == number:
            ended = state if state == "COMPLETED" else run.ran_out or state
            step.finish(ended, code, by_signal)
