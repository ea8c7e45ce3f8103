"""Jobs as squeue and scontrol print them."""

from __future__ import annotations

import os
import time
from typing import Any

from ..users import group_name, user_name
from . import file_names
from .job import Job
from .records import FIRST_PRIORITY


def facts(job: Job) -> dict[str, Any]:
    """What squeue prints from."""
    size, terms = job.spec.size, job.terms
    return {
        "id": job.id,
        "name": job.spec.name,
        "state": job.status.state.partition(" ")[0],
        "reason": job.status.reason,
        "partition": terms.partition,
        "account": terms.account,
        "user": user_name(),
        "group": group_name(),
        "elapsed": 0 if job.start is None else (job.end or time.time()) - job.start,
        "left": job.left,
        "limit": terms.limit,
        "num_nodes": len(job.nodes) or size.nodes or 1,
        "nodes": job.node_list,
        "batch_host": job.nodes[0].name if job.nodes else "n/a",
        "cpus": (1 if job.run is None else job.run.cpus) * (len(job.nodes) or 1),
        "submitted": job.submitted,
        "start": job.start,
        "end": job.end or _expected_end(job),
        "directory": job.spec.chdir,
        "command": str(job.script),
        "comment": job.spec.comment,
        "priority": FIRST_PRIORITY - job.number,
    }


def _expected_end(job: Job) -> float | None:
    limit = job.terms.limit
    return None if not job.start or not limit else job.start + limit


def shown(job: Job) -> str:
    """What `scontrol show job` prints."""
    known = facts(job)
    limit = "UNLIMITED" if job.terms.limit is None else _clock(job.terms.limit)
    lines = [
        f"JobId={job.id} JobName={job.spec.name}",
        f"UserId={known['user']}({os.getuid()}) GroupId={known['group']}({os.getgid()})",
        f"Priority={known['priority']} Nice=0 Account={known['account']} QOS=normal",
        f"JobState={known['state']} Reason={known['reason']} Dependency=(null)",
        f"Requeue={int(job.spec.timing.requeue)} Restarts={job.restarts} BatchFlag=1 Reboot=0",
        f"ExitCode={job.status.exit_code}:{job.status.signal}",
        f"RunTime={_clock(known['elapsed'])} TimeLimit={limit} TimeMin=N/A",
        f"Partition={known['partition']} NodeList={job.node_list or '(null)'}",
        f"NumNodes={known['num_nodes']} NumCPUs={known['cpus']}",
        f"Command={job.script}",
        f"WorkDir={job.spec.chdir}",
        f"StdErr={file_names.error(job)}",
        f"StdIn={file_names.source(job)}",
        f"StdOut={file_names.output(job)}",
    ]
    return "\n   ".join(lines)


def _clock(seconds: float) -> str:
    minutes, secs = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return (f"{days}-" if days else "") + f"{hours:02d}:{minutes:02d}:{secs:02d}"
