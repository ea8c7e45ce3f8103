"""What holds where nothing has gone wrong: every task runs once, soon, at the least expense."""

from __future__ import annotations

import math
from typing import Any

from .invariants import Checks

STREAM = 50  # tasks
NEARLY = 0.9  # of a job's time: a task that begins with so much of it has had the whole
READY = 3.0  # seconds for a job's script, its agents and their workers to be ready, and more


def calm(checks: Checks) -> bool:
    """Whether nothing has gone wrong so far, and nothing was called off."""
    scenario = checks.scenario
    odd = checks.struck or checks.unwanted or len(checks.sessions) != 1
    cut = any(job.doomed not in {"", "TIMEOUT"} or job.restart for job in checks.jobs())
    return not odd and not cut and scenario.place == "fine" and not scenario.dark


def once(checks: Checks) -> None:
    """Every task has run as often as its plan says."""
    if any(job.doomed for job in checks.jobs()):
        return  # a time limit cuts tasks short
    retries = checks.scenario.limits.task_retries
    for task, runs in checks.runs.items():
        if any(run.cut or run.agent.job.surplus for run in runs):  # what ran there is no charge
            continue
        how = "value" if checks.plans[task].overlong else checks.plans[task].how
        often = {"killed": min(2, retries + 1), "stubborn": retries + 1}.get(how, 1)
        checks.demand(len(runs) == often, "runs", f"{task} ({how}) ran {len(runs)} times")


def outcomes(checks: Checks, session: Any) -> None:
    """Tasks that give something back have done so."""
    for task, note in session.settled.items():
        plan = checks.plans[task]
        good = plan.how in {"value", "large"} or (
            plan.how == "killed" and checks.scenario.limits.task_retries
        )
        refused = (
            checks.scenario.refuses(plan.shape)
            or plan.requirements
            and plan.requirements in checks.scenario.spoilt()
        )
        cut = any(run.cut for run in checks.runs.get(task, []))
        fits = plan.seconds + READY < NEARLY * checks.scenario.job_limit and not cut
        if good and fits and not refused and not plan.overlong:
            checks.demand(note.trouble is None, "failed in the calm", note)


def pilots(checks: Checks) -> None:
    """No more jobs than the work needs: those that live at a time, and renewals for want of time."""
    scenario = checks.scenario
    limits = scenario.limits
    if len(scenario.tasks) > STREAM or scenario.kinds:
        return  # pilots may idle between the bundles of a trickle
    width = math.ceil(min(len(scenario.tasks), limits.max_workers) / sum(limits.workers()))
    waves = 1 + _pauses(checks) + _renewals(checks) + _repeats(checks)
    jobs = len(list(checks.jobs()))
    fine = jobs <= width * waves + 1
    checks.demand(fine, "too many jobs", f"{jobs} for {width} at a time, {waves} times")


def _pauses(checks: Checks) -> int:
    """How often tasks came so late that pilots may have gone meanwhile."""
    times = sorted({plan.at for plan in checks.scenario.tasks})
    return sum(later - at > 0.5 for at, later in zip(times, times[1:], strict=False))


def _repeats(checks: Checks) -> int:
    """How often a task went back when its pilot may have gone."""
    return sum(len(runs) - 1 for runs in checks.runs.values())


def _renewals(checks: Checks) -> int:
    """How often a pilot may have left because its time did not suffice for another task."""
    scenario = checks.scenario
    longest = max(max(plan.seconds, plan.walltime or 0.0) for plan in scenario.tasks)
    useful = max(1.0, scenario.job_limit - longest - READY)
    too_long = sum((plan.walltime or 0.0) > scenario.job_limit - READY for plan in scenario.tasks)
    return too_long + math.ceil(scenario.work() * (scenario.limits.task_retries + 1) / useful)


def ended(checks: Checks) -> None:
    """A world without trouble has come to its end."""
    session = checks.sessions[-1]
    if calm(checks) and session.finished is not None:
        once(checks)
        outcomes(checks, session)
        pilots(checks)
