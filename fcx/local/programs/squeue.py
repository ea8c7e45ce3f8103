"""squeue of the process back end: shows jobs, in its default form or by `--format`."""

# ruff: noqa: T201  # what a program prints is its answer

from __future__ import annotations

import os
import re
import time
from typing import Any

from .controller import ask
from .getopts import Table
from .queue_program import fail, run

OPTIONS = Table(
    "A|account= a|all h|noheader j|jobs~ M|clusters= me n|name= o|format= O|Format= p|partition= "
    "r|array S|sort= s|steps~ start t|states= u|user= v|verbose w|nodelist= l|long i|iterate= "
    "help usage V|version"
)
DEFAULT_FORMAT = "%.18i %.9P %.8j %.8u %.2t %.10M %.6D %R"
SHORT_STATES = {
    "PENDING": "PD",
    "RUNNING": "R",
    "COMPLETED": "CD",
    "FAILED": "F",
    "TIMEOUT": "TO",
    "CANCELLED": "CA",
    "NODE_FAIL": "NF",
    "PREEMPTED": "PR",
    "OUT_OF_MEMORY": "OOM",
    "COMPLETING": "CG",
}
HEADERS = {
    "i": "JOBID",
    "A": "JOBID",
    "P": "PARTITION",
    "j": "NAME",
    "u": "USER",
    "t": "ST",
    "T": "STATE",
    "M": "TIME",
    "L": "TIME_LEFT",
    "l": "TIME_LIMIT",
    "D": "NODES",
    "N": "NODELIST",
    "C": "CPUS",
    "R": "NODELIST(REASON)",
    "r": "REASON",
    "a": "ACCOUNT",
    "S": "START_TIME",
    "e": "END_TIME",
    "V": "SUBMIT_TIME",
    "Z": "WORK_DIR",
    "o": "COMMAND",
    "Q": "PRIORITY",
    "k": "COMMENT",
    "q": "QOS",
    "B": "EXEC_HOST",
    "p": "PRIORITY",
    "g": "GROUP",
}


def main() -> None:
    """Run as a program."""
    run("squeue", squeue)


def squeue(words: list[str]) -> None:
    """Show jobs of the queue."""
    options, rest = OPTIONS.parse(words)
    given = dict(options)
    if rest:
        fail("squeue", f"squeue: error: Unrecognized option: {rest[0]}")
    ids = given.get("jobs")
    jobs = ask("jobs", ids=ids.split(",") if ids else None, states=given.get("states"))
    names = given.get("name")
    if names:
        jobs = [job for job in jobs if job["name"] in names.split(",")]
    form = given.get("format") or os.environ.get("SQUEUE_FORMAT") or DEFAULT_FORMAT
    if "noheader" not in given:
        print(row(form, HEADERS))
    for job in jobs:
        print(row(form, fields(job)))


def row(form: str, values: dict[str, str]) -> str:
    """One line of squeue's output: %[.][width]letter, right-aligned with the dot, cut to width."""

    def one(match: re.Match[str]) -> str:
        text = values.get(match[3], "")
        if not match[2]:
            return text
        width = int(match[2])
        return text[:width].rjust(width) if match[1] else text[:width].ljust(width)

    return re.sub(r"%(\.?)(\d*)([a-zA-Z])", one, form)


def fields(job: dict[str, Any]) -> dict[str, str]:
    """Squeue's letters for one job."""
    waiting = job["state"] == "PENDING"
    return {
        "i": job["id"],
        "A": job["id"],
        "P": job["partition"],
        "j": job["name"],
        "u": job["user"],
        "g": job["group"],
        "t": SHORT_STATES.get(job["state"], job["state"]),
        "T": job["state"],
        "M": duration(job["elapsed"]),
        "L": duration(job["left"]),
        "l": duration(job["limit"]),
        "D": str(job["num_nodes"]),
        "N": job["nodes"],
        "C": str(job["cpus"]),
        "R": f"({job['reason']})" if waiting else job["nodes"],
        "r": job["reason"],
        "a": job["account"],
        "S": moment(job["start"]),
        "e": moment(job["end"]),
        "V": moment(job["submitted"]),
        "Z": job["directory"],
        "o": job["command"],
        "Q": str(job["priority"]),
        "p": "0.99999",
        "k": job["comment"] or "(null)",
        "q": "normal",
        "B": job["batch_host"],
    }


def duration(seconds: float | None) -> str:
    """Slurm's way to write a time span: [days-]hours:mm:ss, or minutes:ss."""
    if seconds is None:
        return "UNLIMITED"
    whole = max(0, int(seconds))
    minutes, secs = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}-{hours:02d}:{minutes:02d}:{secs:02d}"
    return f"{hours}:{minutes:02d}:{secs:02d}" if hours else f"{minutes}:{secs:02d}"


def moment(epoch: float | None) -> str:
    """A point in time as Slurm prints it, or in the form that SLURM_TIME_FORMAT asks for."""
    if epoch is None:
        return "N/A"
    form = os.environ.get("SLURM_TIME_FORMAT", "standard")
    form = "%Y-%m-%dT%H:%M:%S" if form == "standard" else form
    return time.strftime(form, time.localtime(epoch))
