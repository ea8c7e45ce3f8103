"""What a run leaves behind: jobs end soon after it, and do not come for nothing again and again."""

from __future__ import annotations

from typing import Any

from fcx.executor.core.inbox import LISTED
from fcx.remote.timers import PATIENCE as LOG_PATIENCE

from .cluster import KILL_WAIT
from .faults import beside_requests
from .invariants import Checks

BEGINS = 2.0  # seconds of a job's script and its workers' start
SLOWEST = 10.0  # seconds until an agent has seen what is written: a look, and a slow file system
UNTOLD = ("outage", "long_outage", "permission", "directory_removed")  # nobody could end them
FOR_NOTHING = 12  # pilots that may come and go without a task, beside what faults explain
UNKNOWN = (
    "unloadable",
    "hidden_job",
    "long_hidden_job",
    "forgotten_job",
)  # what is wanted, who lives
NOBODY = ("looks_gone",)  # it is as if the run were over
LONG_ENDED = 10.0  # seconds before the end of a run, of which the client then knows
HELLO = 125.0  # seconds for which an agent waits for its workers
SHORTEST = 1.0  # seconds from one pilot's end to that of the next, beside the time that it idles


def outlived(checks: Checks) -> None:
    """No job outlives the run by more than its idle time, what it runs, and a little."""
    session = max(checks.sessions, key=lambda each: each.finished or 0.0)
    if checks.sessions[-1].finished is None or any(name in checks.struck for name in UNTOLD):
        return
    for job in checks.jobs():
        over = max(session.finished, job.times.began)
        if job.ended and job.times.began and job.times.left > over + _allowed(checks):
            late = job.times.left - session.finished
            checks.demand(False, "outlives", f"job {job.id} ended {late:.1f} s after the run")


def _allowed(checks: Checks) -> float:
    scenario = checks.scenario
    longest = max(plan.seconds for plan in scenario.tasks)
    waits = max(scenario.idle_timeout, scenario.gate_timeout)
    hangs = HELLO if "worker_hangs" in checks.struck else 0.0
    writes = LOG_PATIENCE if "flush_fails" in checks.struck else 0.0
    return waits + longest + hangs + writes + BEGINS + SLOWEST + scenario.lag + KILL_WAIT


def left_behind(checks: Checks) -> None:
    """Where only jobs and agents were struck, nothing stays of a run that gave all it owed."""
    session, only_jobs = checks.sessions[-1], beside_requests(checks.struck)
    whole = session.finished is not None and not session.causes.all_broken
    whole = whole and len(checks.sessions) == 1
    told = not any(name in checks.struck for name in (*UNKNOWN, *NOBODY))  # who lives
    told = told and not checks.scenario.dark
    told = told and not checks.scenario.limits.durable and not _cut_short(checks)
    cut = any(job.doomed or job.restart for job in checks.jobs())  # it may begin after all is over
    if whole and only_jobs and told and not cut:
        last = max((job.times.left for job in checks.jobs()), default=0.0)
        long_ended = session.finished > last + LONG_ENDED or checks.world.now > session.finished
        there = checks.cluster.directory.exists and long_ended
        checks.demand(not there, "left behind", "the run directory")


def _cut_short(checks: Checks) -> bool:
    """Whether a job that was to tidy up had no time to."""
    looks = checks.scenario.limits.sleep_interval  # it asks no sooner, while all is quiet
    over = checks.sessions[-1].finished - LONG_ENDED - looks
    return any(job.state != "COMPLETED" and job.times.left >= over for job in checks.jobs())


def for_nothing(checks: Checks, job: Any) -> None:
    """Pilots that have come up and gone without a task must not follow each other for ever."""
    if job.state != "COMPLETED" or not job.agents or any(a.conduct.served for a in job.agents):
        return
    if any(name in checks.struck for name in NOBODY):
        return
    checks.idle_jobs += 1
    damage = checks.struck.get("damaged_line", 0)  # each may hide a word for a while
    most = FOR_NOTHING + 2 * len(checks.plans) + damage + _in_vain(checks)
    fine = checks.idle_jobs <= most
    checks.demand(fine, "for nothing", f"{checks.idle_jobs} pilots came and had nothing to do")


def _in_vain(checks: Checks) -> float:
    """More of them while the client cannot know who has what they come for.

    What somebody has removed counts as new for as long as listings may be late.
    """
    unknown = LISTED if checks.cluster.directory.life > 1 else 0.0
    width = min(len(checks.plans), checks.scenario.limits.max_workers)
    return width * unknown / (checks.scenario.idle_timeout + SHORTEST)
