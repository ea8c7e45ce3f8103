"""scancel of the process back end: ends or signals jobs."""

# ruff: noqa: T201  # what a program prints is its answer

from __future__ import annotations

import sys

from .controller import Refused, ask
from .getopts import Table
from .queue_program import fail, run

OPTIONS = Table(
    "A|account= b|batch f|full H|hurry i|interactive M|clusters= me n|name= jobname= p|partition= "
    "Q|quiet q|qos= s|signal= t|state= u|user= v|verbose w|nodelist= help usage V|version"
)


def main() -> None:
    """Run as a program."""
    run("scancel", scancel)


def scancel(words: list[str]) -> None:
    """End or signal the jobs that are named; the exit status tells whether one was refused."""
    options, ids = OPTIONS.parse(words)
    given = dict(options)
    if not ids and not {"user", "me", "name", "jobname"} & set(given):
        fail("scancel", "No job identification provided")
    if not ids:
        name = given.get("name") or given.get("jobname")
        jobs = ask("jobs", ids=None, states=given.get("state"))
        ids = [job["id"] for job in jobs if not name or job["name"] == name]
    refused = [job_id for job_id in ids if not _cancelled(job_id, given)]
    sys.exit(1 if refused else 0)


def _cancelled(job_id: str, given: dict[str, str | None]) -> bool:
    """Whether it was done; if not, the others are cancelled all the same."""
    how = {"signal": given.get("signal"), "batch": "batch" in given, "full": "full" in given}
    try:
        ask("cancel", id=job_id, **how)
    except Refused as problem:
        print(f"scancel: error: Kill job error on job id {job_id}: {problem}", file=sys.stderr)
        return False
    return True
