"""What is said of jobs: that they wait, why, and what has become of them; the truth, and not twice."""

from __future__ import annotations

import re
from typing import Any

from fcx.executor.core import actions as act
from fcx.executor.core import events as ev

from .faults import beside_requests
from .invariants import Checks

AGAIN = " will run again: "
REPEATS = 600.0  # seconds in which a warning is not said once more in the same words
REMIND = 600.0  # seconds after which what needs somebody is said again
SOMEBODY = ("ReqNodeNotAvail", "PartitionDown", "PartitionNodeLimit", "JobHeldAdmin")  # must act
SOMEBODY += ("AssocGrpCPUMinutesLimit",)
PASSES = ("AssocGrpJobsLimit", "AssocGrpCpuLimit", "QOSMaxJobsPerUserLimit")  # once is enough
NEVER = ("PartitionTimeLimit", "PartitionConfig", "InvalidAccount", "InvalidQOS", "BadConstraints")
WAITS = re.compile(r"Job ([0-9]+) waits: (\w+)")
STATE = re.compile(r"Job ([0-9]+): ([A-Z_]+)")
ENDED = re.compile(r"Job [0-9]+ ended \(([A-Z_]+), ")
UNKNOWN = re.compile(r"Job ([0-9]+) ended \(the server no longer knows it\)")
NAMED = ("DEADLINE", "TIMEOUT", "PREEMPTED", "CANCELLED", "NODE_FAIL", "BOOT_FAIL", "OUT_OF_MEMORY")
FINAL = (*NAMED, "COMPLETED", "FAILED")


class Words:
    """Of one life of the client."""

    def __init__(self, checks: Checks) -> None:
        self.checks = checks
        self._said: dict[str, float] = {}  # why jobs wait, and when that was said
        self._cancelled: dict[str, None] = {}  # pilots, by the client
        self._reasons: dict[str, str] = {}  # of each job, as last heard
        self._states: dict[str, str] = {}  # as last said
        self._ended: dict[str, str] = {}  # states of jobs that Slurm has called ended
        self._running: dict[str, str] = {}  # jobs of tasks that were told to run
        self._again: dict[str, float] = {}  # tasks that were said to run again, and when
        self._queued: dict[str, None] = {}  # jobs of pilots that were queued before this step

    def step(self, core: Any, event: Any, actions: list[Any]) -> None:
        """After each step."""
        says = [action for action in actions if isinstance(action, act.Say)]
        heard: dict[str, ev.JobSeen] = {}
        if isinstance(event, ev.JobsListed):
            heard = {seen.job: seen for seen in event.jobs}
        elif isinstance(event, ev.JobAnswered) and event.state is not None:
            heard = {event.state.job: event.state}
        self._ended.update((s.job, s.state) for s in heard.values() if s.state in FINAL)
        self._silently(core, actions, says)
        for note in says:
            self._true(core, note, heard)
        for note in actions:
            if isinstance(note, act.Settle | act.Broken) and note.trouble is not None:
                self._known(note.trouble.message)
        for note in says:
            if "is left open" in note.text:
                self._left_open(core, note)
        if isinstance(event, ev.JobsListed) and core._works():
            for job in self._queued:
                if job in heard:
                    self._told(core, heard[job], says)
        self._noted(heard, says)
        pilots = [p for p in core.fleet.pilots if p.phase == "queued" and not p.ambiguous]
        self._queued = dict.fromkeys(p.job for p in pilots if len(p.jobs()) == 1)

    def _silently(self, core: Any, actions: list[Any], says: list[act.Say]) -> None:
        """What ran and was lost is said to run again, and why; what we cancelled goes back."""
        easy = beside_requests(self.checks.struck) and len(self.checks.sessions) == 1
        now = self.checks.world.now
        self._again.update((s.text.partition(AGAIN)[0], now) for s in says if AGAIN in s.text)
        for action in actions:
            if isinstance(action, act.TellRunning):
                self._running[action.task] = action.job
            elif isinstance(action, act.TellPending) and action.task in self._running:
                pilot = core.fleet.of_job(self._running.pop(action.task))
                ours = pilot is None or pilot.name in self._cancelled
                told = now - self._again.get(action.task, float("-inf")) < REPEATS
                self.checks.demand(told or ours or not easy, "lost in silence", action)
        self._cancelled.update((p.name, None) for p in core.fleet.pilots if p.phase == "leaving")

    def _left_open(self, core: Any, note: act.Say) -> None:
        """A run in which nothing can have run leaves nothing to collect."""
        broken = core.ending.broken
        all_limits = core.fleet.shapes.values()
        fetches = [w for w in core.requests.under_way.values() if isinstance(w.action, act.Fetch)]
        if broken is None or broken.error not in {"InitializerFailed", "ParityError"} or fetches:
            return
        several = any(each.nodes > 1 or each.requeue for each in all_limits)
        several = several or len(self.checks.jobs()) > 1
        up = any(pilot.phase == "up" for pilot in core.fleet.pilots)
        several = several or core.tasks.dependencies.unfetched  # a value that was left there
        several = several or "fetch_spoilt" in self.checks.struck  # a result that may yet be read
        fine = several or (up and broken.error == "ParityError") or len(self.checks.sessions) > 1
        self.checks.demand(fine, "left open for nothing", f"{note}, {broken}")

    def _true(self, core: Any, note: act.Say, heard: dict[str, ev.JobSeen]) -> None:
        """It was just heard, and is not said again too soon."""
        called = ENDED.search(note.text)
        fine = called is None or called.group(1) not in NAMED
        self.checks.demand(fine, "called a failure", note)
        self._known(note.text)
        waits, state = WAITS.match(note.text), STATE.fullmatch(note.text)
        if waits:
            job, reason = waits.groups()
            others = any(seen.reason == reason for seen in heard.values())  # it has several ids
            self.checks.demand(others, "said wrongly", f"{note}: {heard}")
            since = self.checks.world.now - self._said.get(reason, float("-inf"))
            fine = since >= (REMIND if reason in SOMEBODY else 0.0)
            fine = fine and not (reason in PASSES and reason in self._said)
            self.checks.demand(fine, "said again", f"{note} after {since:.0f} s")
            pilot = core.fleet.of_job(job)
            fine = pilot is None or pilot.phase != "leaving"
            self.checks.demand(fine, "waits no more", f"{note}: {pilot}")
            level = "warning" if reason in SOMEBODY or reason in PASSES else "info"
            self.checks.demand(note.level == level, "said so loudly", note)
        elif state:
            job, word = state.groups()
            self.checks.demand(self._states.get(job) != word, "said again", note)

    def _known(self, text: str) -> None:
        """What Slurm has called ended is not called unknown to it."""
        unknown = UNKNOWN.search(text)
        fine = unknown is None or unknown.group(1) not in self._ended
        self.checks.demand(fine, "called unknown", f"{text}: {self._ended}")

    def _told(self, core: Any, seen: ev.JobSeen, says: list[act.Say]) -> None:
        """Whoever waits learns what for; jobs that ended before this life are of no interest."""
        texts = [note.text for note in says]
        pilot = core.fleet.of_job(seen.job)
        earlier = pilot is not None and pilot.name in core.fleet.earlier
        past = earlier and seen.job not in self._states and seen.state in FINAL
        if self._states.get(seen.job) != seen.state:
            fine = (f"Job {seen.job}: {seen.state}" in texts) is not past
            self.checks.demand(fine, "not said", f"{seen}: {texts}")
        called_off = pilot is not None and not pilot.live  # what another said ended its lane
        if called_off or seen.state != "PENDING" or seen.reason in {*NEVER, "None", ""}:
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
