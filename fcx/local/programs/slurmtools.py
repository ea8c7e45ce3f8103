"""squeue, scontrol, scancel and sinfo of the process back end, as far as jobs use them.

The first argument is the program's name.
"""

# ruff: noqa: T201  # what a program prints is its answer

from __future__ import annotations

import os
import re
import sys
import time
from typing import Any, NoReturn

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from desk import DeskClosed, Refused, ask  # type: ignore[import-not-found]
from getopts import OptionProblem, Table  # type: ignore[import-not-found]

SQUEUE = Table(
    "A|account= a|all h|noheader j|jobs~ M|clusters= me n|name= o|format= O|Format= p|partition= "
    "r|array S|sort= s|steps~ start t|states= u|user= v|verbose w|nodelist= l|long i|iterate= "
    "help usage V|version"
)
SCANCEL = Table(
    "A|account= b|batch f|full H|hurry i|interactive M|clusters= me n|name= jobname= p|partition= "
    "Q|quiet q|qos= s|signal= t|state= u|user= v|verbose w|nodelist= help usage V|version"
)
SCONTROL = Table(
    "a|all d|details o|oneliner Q|quiet v|verbose M|cluster= h|help V|version F|future"
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
    """Do what the program of that name does."""
    program, *words = sys.argv[1:]
    try:
        {"squeue": squeue, "scontrol": scontrol, "scancel": scancel, "sinfo": sinfo}[program](words)
    except OptionProblem as problem:
        print(f'{program}: {problem}\nTry "{program} --help" for more information', file=sys.stderr)
        sys.exit(1)
    except Refused as problem:
        fail(program, str(problem))
    except DeskClosed as problem:
        fail(program, f"Unable to contact slurm controller ({problem})")


def fail(program: str, text: str) -> NoReturn:
    """End with the program's name and the reason."""
    print(text if program == "squeue" else f"{program}: error: {text}", file=sys.stderr)
    sys.exit(1)


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


def squeue(words: list[str]) -> None:
    """Show jobs of the queue."""
    options, rest = SQUEUE.parse(words)
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


def scancel(words: list[str]) -> None:
    """End or signal jobs."""
    options, ids = SCANCEL.parse(words)
    given = dict(options)
    if not ids and not {"user", "me", "name", "jobname"} & set(given):
        fail("scancel", "No job identification provided")
    name = given.get("name") or given.get("jobname")
    if not ids:
        jobs = ask("jobs", ids=None, states=given.get("state"))
        ids = [job["id"] for job in jobs if not name or job["name"] == name]
    refused = False
    for job_id in ids:
        try:
            ask(
                "cancel",
                id=job_id,
                signal=given.get("signal"),
                batch="batch" in given,
                full="full" in given,
            )
        except Refused as problem:  # the others are cancelled all the same
            refused = True
            print(f"scancel: error: Kill job error on job id {job_id}: {problem}", file=sys.stderr)
    sys.exit(1 if refused else 0)


def scontrol(words: list[str]) -> None:
    """requeue, hold, release, show job, show hostnames."""
    options, rest = SCONTROL.parse(words)
    verb, *arguments = rest or [""]
    if verb in {"requeue", "hold", "release"} and arguments:
        for job_id in ",".join(arguments).split(","):
            ask(verb, id=job_id)
    elif verb == "show" and arguments[:1] in (["job"], ["jobs"]):
        oneline = "oneliner" in dict(options)
        for text in ask("show", ids=arguments[1:] or None):
            print(re.sub(r"\n\s*", " ", text).strip() if oneline else f"{text}\n")
    elif verb == "show" and arguments[:1] == ["hostnames"]:
        print("\n".join(host_names(",".join(arguments[1:]) or os.environ["SLURM_JOB_NODELIST"])))
    else:
        fail("scontrol", f"not offered by the local cluster: {' '.join(rest)}")


def host_names(listed: str) -> list[str]:
    """`fcx-node-[1-2,4]` -> its three names."""
    found = []
    for part in re.findall(r"[^,\[]+(?:\[[^\]]*\])?", listed):
        base, bracket, inside = part.strip(",").partition("[")
        if not bracket:
            found.append(base)
            continue
        for span in inside.rstrip("]").split(","):
            first, _, last = span.partition("-")
            found.extend(f"{base}{n}" for n in range(int(first), int(last or first) + 1))
    return found


def sinfo(_words: list[str]) -> None:
    """Partitions and their nodes, in sinfo's default form."""
    print("PARTITION AVAIL  TIMELIMIT  NODES  STATE NODELIST")
    for line in ask("sinfo"):
        print(line)


if __name__ == "__main__":
    main()
