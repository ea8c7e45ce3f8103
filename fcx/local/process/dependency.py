"""`--dependency`: whether a job may start yet, by what became of others."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal

from .job import Job

Verdict = Literal["met", "waiting", "never"]
_CLAUSE = re.compile(r"(after|afterany|afterok|afternotok)((?::\d+(?:\+\d+)?)+)|(singleton)")


def valid(text: str) -> bool:
    """Whether sbatch takes it: clauses joined by `,` (all of them) or `?` (any of them)."""
    return all(_CLAUSE.fullmatch(clause) for clause in re.split("[,?]", text))


def judge(job: Job, jobs: Mapping[str, Job]) -> Verdict:
    """Met, not yet, or never: of all clauses, or of the best one where `?` joins them."""
    text = job.spec.timing.dependency
    if text is None:
        return "met"
    verdicts = [_clause(job, clause, jobs) for clause in re.split("[,?]", text)]
    order: tuple[Verdict, ...] = ("met", "waiting", "never")
    pick = min if "?" in text else max
    return pick(verdicts, key=order.index)


def _clause(job: Job, clause: str, jobs: Mapping[str, Job]) -> Verdict:
    if clause == "singleton":
        return _singleton(job, jobs.values())
    kind, *ids = clause.split(":")
    others = [jobs.get(one.partition("+")[0]) for one in ids]
    verdicts = [_other(kind, other) for other in others if other is not None]
    if "never" in verdicts:
        return "never"
    return "waiting" if "waiting" in verdicts else "met"


def _singleton(job: Job, jobs: Iterable[Job]) -> Verdict:
    earlier = (one for one in jobs if one.spec.name == job.spec.name and one.number < job.number)
    return "waiting" if any(one.end is None for one in earlier) else "met"


def _other(kind: str, other: Job) -> Verdict:
    if kind == "after":
        return "waiting" if other.pending else "met"
    if other.end is None:
        return "waiting"
    fine = other.status.state == "COMPLETED"
    wanted = {"afterok": fine, "afternotok": not fine}.get(kind, True)
    return "met" if wanted else "never"
