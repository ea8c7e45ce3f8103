"""A run in one line (pure)."""

from __future__ import annotations

from . import words
from .model import STATES, Report


def summary(report: Report) -> str:
    """``1,005 tasks: 976 done, 24 raised; 3 jobs, 0.012 node hours; 106 requests``."""
    totals = report.totals
    states = [f"{words.count(totals.states[one])} {one}" for one in STATES if one in totals.states]
    jobs = sum(1 for pilot in report.pilots if pilot.job)
    least = "" if totals.sure or report.state == "running" else "at least "
    parts = [
        f"{words.plural(totals.tasks, 'task')}{': ' if states else ''}{', '.join(states)}",
        f"{words.plural(jobs, 'job')}, {least}{words.hours(totals.node_hours)} node hours",
        words.plural(totals.requests, "request"),
    ]
    if not report.whole:
        parts.append("not whole: see the notes")
    return "; ".join(parts)
