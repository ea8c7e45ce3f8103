"""What scontrol says of jobs, nodes and the like, as the records of the API (pure).

Times are epoch seconds, because the commands run with SLURM_TIME_FORMAT=%s. Records look as a site
with accounting gives them: a job that waits in squeue's form, one that runs or has ended in
sacct's, with its `batch` step. (Other steps are known to an accounting database alone.)
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..scheduler import Record
from .scontrol import is_live

# A job that is COMPLETING has ended but for its clean-up; sacct calls it RUNNING until then.
_SHOWN_AS = {"COMPLETING": "RUNNING", "CONFIGURING": "RUNNING", "REQUEUED": "PENDING"}
_NODE_STATES = {
    "IDLE": "IDLE", "ALLOCATED": "ALLOCATED", "MIXED": "MIXED", "DOWN": "DOWN", "DRAIN": "DRAIN",
    "DRAINED": "DRAIN", "DRAINING": "DRAIN", "RESERVED": "RESERVED", "COMPLETING": "COMPLETING",
    "POWERING_DOWN": "POWERING_DOWN", "POWERING_UP": "POWERING_UP", "FAIL": "DOWN",
    "NOT_RESPONDING": "DOWN", "POWERED_DOWN": "OFFLINE",
}  # fmt: skip


def job_record(job: Mapping[str, str], cancelled_by: str | None = None) -> Record:
    """A job as JobModel. `cancelled_by` is the uid that cancelled it, where that is known."""
    state = _SHOWN_AS.get(job.get("JobState", ""), job.get("JobState", "UNKNOWN"))
    waits, started = state == "PENDING", _epoch(job.get("StartTime")) is not None
    if state == "CANCELLED" and cancelled_by is not None:
        state = f"CANCELLED by {cancelled_by}"
    never_ran = not waits and (not started or _value(job, "NodeList") is None)
    return {
        "jobId": _job_id(job),
        "name": job.get("JobName", ""),
        "status": _status(job, state, waits),
        "tasks": [] if waits or never_ran or job.get("BatchFlag") == "0" else [_batch(job, state)],
        "time": _time(job, waits),
        "account": _value(job, "Account"),
        "allocationNodes": 0 if never_ran else _number(job.get("NumNodes")) or 0,
        "cluster": "cluster",
        "group": _owner(job.get("GroupId")),
        "nodes": _value(job, "NodeList") or ("" if waits else "None assigned"),
        "partition": job.get("Partition", ""),
        "killRequestUser": cancelled_by if state.startswith("CANCELLED") else None,
        "user": _owner(job.get("UserId")),
        "workingDirectory": job.get("WorkDir", ""),
        "priority": _number(job.get("Priority")),
    }


def metadata_record(job: Mapping[str, str], script: str | None) -> Record:
    """A job as JobMetadataModel."""
    return {
        "jobId": job["JobId"],
        "script": script,
        "standardInput": _value(job, "StdIn"),
        "standardOutput": _value(job, "StdOut"),
        "standardError": _value(job, "StdErr"),
    }


def node_record(node: Mapping[str, str]) -> Record:
    """A node as NodeModel; memory in MB."""
    cpus, used = _number(node.get("CPUTot")) or 0, _number(node.get("CPUAlloc")) or 0
    words = re.split(r"[+]", node.get("State", "UNKNOWN"))
    states = [_NODE_STATES.get(word.strip("*~#$@^-!%"), "UNKNOWN") for word in words]
    return {
        "sockets": _number(node.get("Sockets")),
        "cores": _number(node.get("CoresPerSocket")),
        "threads": _number(node.get("ThreadsPerCore")),
        "cpus": cpus,
        "cpuLoad": _decimal(node.get("CPULoad")),
        "freeMemory": _number(node.get("FreeMem")),
        "features": _value(node, "ActiveFeatures"),
        "name": node["NodeName"],
        "address": _value(node, "NodeAddr"),
        "hostname": _value(node, "NodeHostName"),
        "state": states,
        "partitions": [name for name in node.get("Partitions", "").split(",") if name],
        "weight": _number(node.get("Weight")),
        "allocMemory": _number(node.get("AllocMem")),
        "allocCpus": used,
        "idleCpus": cpus - used,
    }


def partition_record(partition: Mapping[str, str]) -> Record:
    """A partition as PartitionModel."""
    return {
        "name": partition["PartitionName"],
        "cpus": _number(partition.get("TotalCPUs")),
        "totalNodes": _number(partition.get("TotalNodes")),
        "partition": partition.get("State", "UNKNOWN"),
    }


def reservation_record(reservation: Mapping[str, str]) -> Record:
    """A reservation as ReservationModel."""
    return {
        "name": reservation["ReservationName"],
        "nodeList": _value(reservation, "Nodes") or "",
        "endTime": _epoch(reservation.get("EndTime")) or 0,
        "startTime": _epoch(reservation.get("StartTime")) or 0,
        "features": _value(reservation, "Features"),
        "state": _value(reservation, "State"),
    }


def seconds(duration: str | None) -> int | None:
    """`1-02:03:04` or `03:04` in seconds; None for UNLIMITED, N/A and the like."""
    match = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)", duration or "")
    if not match:
        return None
    days, hours, minutes, rest = (int(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + rest


def _job_id(job: Mapping[str, str]) -> str:
    """An array's ended task is `29_1`, as sacct has it; while it lives, its own number."""
    if "ArrayTaskId" in job and not is_live(job):
        return f"{job['ArrayJobId']}_{job['ArrayTaskId']}"
    return job["JobId"]


def _status(job: Mapping[str, str], state: str, waits: bool) -> Record:
    if waits:
        return _state_of(state, job.get("Reason", "None"), None, None)
    code, signal = _exit(job)
    if state not in {"COMPLETED", "FAILED", "OUT_OF_MEMORY"}:
        # Slurm notes how the script was ended; the accounting doesn't call that the job's result.
        code, signal = 0, 0
    return _state_of(state, "None", code, signal)


def _batch(job: Mapping[str, str], state: str) -> Record:
    code, signal = _exit(job)
    shown = state.partition(" ")[0]
    if shown in {"TIMEOUT", "NODE_FAIL", "PREEMPTED"} or (shown == "FAILED" and signal):
        shown = "CANCELLED"
    if shown in {"RUNNING", "SUSPENDED"}:
        code, signal = 0, 0
    times = _time(job, waits=False)
    return {
        "id": f"{_job_id(job)}.batch",
        "name": "batch",
        "status": _state_of(shown, None, code, signal),
        "time": {**times, "limit": None},
    }


def _state_of(state: str, reason: str | None, code: int | None, signal: int | None) -> Record:
    return {"state": state, "stateReason": reason, "exitCode": code, "interruptSignal": signal}


def _time(job: Mapping[str, str], waits: bool) -> Record:
    ended = not is_live(job)
    return {
        "elapsed": seconds(job.get("RunTime")) or 0,
        "start": _epoch(job.get("StartTime")),
        "end": _epoch(job.get("EndTime")) if ended or waits else None,
        "suspended": None if waits else 0,
        "limit": seconds(job.get("TimeLimit")),
    }


def _exit(job: Mapping[str, str]) -> tuple[int, int]:
    code, _, signal = job.get("ExitCode", "0:0").partition(":")
    return _number(code) or 0, _number(signal) or 0


def _owner(text: str | None) -> str:
    """`root(0)` without its number."""
    return re.sub(r"\(\d+\)$", "", text or "")


def _value(fields: Mapping[str, str], key: str) -> str | None:
    value = fields.get(key, "")
    return None if value in {"", "(null)", "N/A", "None"} else value


def _number(text: str | None) -> int | None:
    match = re.match(r"\d+", text or "")
    return int(match.group()) if match else None


def _decimal(text: str | None) -> float | None:
    return float(text) if text and re.fullmatch(r"\d+(\.\d+)?", text) else None


def _epoch(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() and text != "0" else None
