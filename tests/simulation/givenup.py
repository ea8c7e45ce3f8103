"""What a run is given up for, and what is not left lying once a pilot has ended."""

from __future__ import annotations

from typing import Any

from fcx.executor.core import actions as act
from fcx.executor.core import events as ev

from .invariants import Checks

OF_JOBS = ("JobFailed", "NodeFailed", "JobCancelled", "OutOfMemory", "TimeLimitExceeded")
HARMLESS = (act.ListLinks, act.ListJobs, act.AskJob, act.ReadOutput, act.CancelJob, act.ListFolder)


def given_up(checks: Checks, core: Any, event: Any, asked: Any, actions: list[Any]) -> None:
    """Not while a pilot works, nor for what was only asked for to know more."""
    pilots = core.fleet.pilots
    for note in actions:
        if isinstance(note, act.Broken):
            mine = [p for p in pilots if note.shape in {None, p.shape}]
            up = [p.name for p in mine if p.phase == "up" and note.trouble.error in OF_JOBS]
            checks.demand(not up, "given up though it works", f"{note}: {up}")
            refused = isinstance(event, ev.Failed) and event.kind == "refused"
            refused = refused and isinstance(asked, HARMLESS)
            last = isinstance(asked, act.ReadOutput)  # of more pilots in a row than may end so
            failed = max(lane.crew.barren.count for lane in core.lanes)
            often = failed > checks.scenario.limits.task_retries
            fine = not refused or (last and often and note.trouble.error in OF_JOBS)
            checks.demand(fine, "given up for nothing", f"{note} after {asked}")
        elif isinstance(note, act.Say) and note.text.endswith("Another pilot is submitted."):
            works = any(pilot.works for pilot in pilots)
            fine = works or not note.text.startswith("The time limit of job")
            checks.demand(fine, "tried again in vain", note)


def left_lying(checks: Checks, core: Any) -> None:
    """What only a pilot could bring or claim that has ended has gone back."""
    if not core._works() or core.ending.broken is not None or core.ending.aborting:
        return
    ended = [pilot for pilot in core.fleet.pilots if pilot.phase == "ended"]
    leaving = [pilot for pilot in core.fleet.pilots if pilot.phase == "leaving"]
    leaving = leaving if checks.scenario.kinds else []  # of a lane that broke: they are not over
    live = {name for pilot in [*core.fleet.live(), *leaving] for name in pilot.bundles}
    for pilot in ended:
        left = [task.id for task in core.tasks.in_bundle(pilot.reserved) if pilot.reserved]
        checks.demand(not left, "left lying", f"{left} for {pilot.name} alone")
        kept = [b for b in pilot.bundles if b in core.ending.inbox.kept and b not in live]
        checks.demand(not kept, "left lying", f"{kept} in the script of {pilot.name}")
