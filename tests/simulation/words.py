"""What is said of jobs: that they wait, why, and what has become of them; the truth, and not twice."""

from __future__ import annotations

import re
from typing import Any

from fcx.executor.core import actions as act
from fcx.executor.core import events as ev

from .invariants import Checks

REMIND = 600.0  # seconds after which what needs somebody is said again
SOMEBODY = ("ReqNodeNotAvail", "PartitionDown", "PartitionNodeLimit", "JobHeldAdmin")  # must act
SOMEBODY += ("AssocGrpCPUMinutesLimit",)
PASSES = ("AssocGrpJobsLimit", "AssocGrpCpuLimit", "QOSMaxJobsPerUserLimit")  # once is enough
NEVER = ("PartitionTimeLimit", "PartitionConfig", "InvalidAccount", "InvalidQOS", "BadConstraints")
WAITS = re.compile(r"Job ([0-9]+) waits: (\w+)")
STATE = re.compile(r"Job ([0-9]+): ([A-Z_]+)")


class Words:
    """Of one life of the client."""

    def __init__(self, checks: Checks) -> None:
        self.checks = checks
        self._said: dict[str, float] = {}  # why jobs wait, and when that was said
        self._reasons: dict[str, str] = {}  # of each job, as last heard
        self._states: dict[str, str] = {}  # as last said
        self._queued: dict[str, None] = {}  # jobs of pilots that were queued before this step

    def step(self, core: Any, event: Any, actions: list[Any]) -> None:
        """After each step."""
        says = [action for action in actions if isinstance(action, act.Say)]
        heard: dict[str, ev.JobSeen] = {}
        if isinstance(event, ev.JobsListed):
            heard = {seen.job: seen for seen in event.jobs}
        elif isinstance(event, ev.JobAnswered) and event.state is not None:
            heard = {event.state.job: event.state}
        for note in says:
            self._true(note, heard)
        if isinstance(event, ev.JobsListed) and core._works():
            for job in self._queued:
                if job in heard:
                    self._told(heard[job], says)
        self._noted(heard, says)
        pilots = [p for p in core.fleet.pilots if p.phase == "queued" and not p.ambiguous]
        self._queued = dict.fromkeys(p.job for p in pilots if len(p.jobs()) == 1)

    def _true(self, note: act.Say, heard: dict[str, ev.JobSeen]) -> None:
        """It was just heard, and is not said again too soon."""
        waits, state = WAITS.match(note.text), STATE.fullmatch(note.text)
        if waits:
            job, reason = waits.groups()
            others = any(seen.reason == reason for seen in heard.values())  # it has several ids
            self.checks.demand(others, "said wrongly", f"{note}: {heard}")
            since = self.checks.world.now - self._said.get(reason, float("-inf"))
            fine = since >= (REMIND if reason in SOMEBODY else 0.0)
            fine = fine and not (reason in PASSES and reason in self._said)
            self.checks.demand(fine, "said again", f"{note} after {since:.0f} s")
            level = "warning" if reason in SOMEBODY or reason in PASSES else "info"
            self.checks.demand(note.level == level, "said so loudly", f"{note}")
        elif state:
            job, word = state.groups()
            self.checks.demand(self._states.get(job) != word, "said again", f"{note}")

    def _told(self, seen: ev.JobSeen, says: list[act.Say]) -> None:
        """Whoever waits learns what for."""
        texts = [note.text for note in says]
        if self._states.get(seen.job) != seen.state:
            fine = f"Job {seen.job}: {seen.state}" in texts
            self.checks.demand(fine, "not said", f"{seen}: {texts}")
        if seen.state != "PENDING" or seen.reason in {*NEVER, "None", ""}:
            return
        before = self._reasons.get(seen.job)
        since = self.checks.world.now - self._said.get(seen.reason, float("-inf"))
        if seen.reason in PASSES:
            due = seen.reason not in self._said
        else:
            due = since >= REMIND if seen.reason in SOMEBODY else before != seen.reason
        told = any(WAITS.match(text) and f" waits: {seen.reason}" in text for text in texts)
        self.checks.demand(told or not due, "not said", f"{seen}: {texts}")

    def _noted(self, heard: dict[str, ev.JobSeen], says: list[act.Say]) -> None:
        now = self.checks.world.now
        for note in says:
            waits, state = WAITS.match(note.text), STATE.fullmatch(note.text)
            if waits:
                self._said[waits.group(2)] = now
                self._reasons[waits.group(1)] = waits.group(2)
            elif state:
                self._states[state.group(1)] = state.group(2)
