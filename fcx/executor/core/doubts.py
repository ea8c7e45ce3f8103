"""Which pilots are in doubt, so that Slurm is asked, and what its answer means for each."""

from __future__ import annotations

from functools import partial
from typing import Any

from . import fates
from .actions import AskJob
from .crew import REFUSED_PAUSE
from .events import Failed, JobAnswered, JobSeen, JobsListed
from .fleet import STUCK, Pilot, job_of
from .inquest import UNREAD, Inquest
from .logs import Logs, Sink
from .requests import Requests

LAG = 5.0  # seconds for which the logs of a job that has ended may still be incomplete
SILENCE = 30.0  # seconds without a sign of life after which Slurm is asked


class Doubts:
    """Compares the list of jobs with the pilots that are pending, silent, or cancelled by us."""

    def __init__(self, requests: Requests, logs: Logs, inquest: Inquest) -> None:
        self.requests = requests
        self.lanes = inquest.lanes
        self.fleet = inquest.fleet
        self.logs = logs
        self.inquest = inquest
        self._asked: dict[str, None] = {}  # pilots that are asked for by the ids of their jobs
        self._began: dict[str, None] = {}  # pilots whose job was heard to run

    def pilots(self) -> list[Pilot]:
        """Pilots of which only Slurm can say what they do."""
        return [pilot for pilot in self.fleet.pilots if self._doubtful(pilot)]

    def _doubtful(self, pilot: Pilot) -> bool:
        if pilot.phase == "up":
            silent = self.requests.now >= self._last_sign(pilot) + SILENCE
            return silent or fates.ended(pilot.heard.state)
        return pilot.phase in {"queued", "leaving"}

    def _last_sign(self, pilot: Pilot) -> float:
        return self.logs.last_sign(pilot.agents)

    def plan(self, sink: Sink) -> None:
        """Ask, if it is time and there is any doubt."""
        states = self.fleet.states
        doubtful = self.pilots() if not states.busy and self.requests.now >= states.due() else []
        if doubtful:
            states.ask(partial(self.heed, sink), doubtful)

    def due(self) -> float | None:
        """When to ask next; a pilot that works well now may fall silent."""
        states = self.fleet.states
        if states.busy:
            return None
        if self.pilots():
            return states.due()
        up = [pilot for pilot in self.fleet.pilots if pilot.phase == "up"]
        silent = [self._last_sign(pilot) + SILENCE for pilot in up]
        return max(states.due(), min(silent)) if silent else None

    def _all_said(self, pilot: Pilot, state: JobSeen) -> bool:
        """Whether its logs can be seen whole: shared file systems show them late."""
        waited = self.requests.now - (pilot.heard.ended or 0.0)
        jobs = pilot.jobs()
        cursors = [c for c in self.logs.cursors.values() if c.incarnation.job in jobs]
        if waited >= (UNREAD if any(cursor.behind for cursor in cursors) else LAG):
            return True
        failed_at_once = not cursors and bool(state.exit_code or state.signal)
        return failed_at_once or (bool(cursors) and all(cursor.ended for cursor in cursors))

    def _never_runs(self, pilot: Pilot, state: JobSeen) -> None:
        """A further pilot that Slurm will not start harms none that works."""
        self.fleet.cancel(pilot)
        trouble = fates.never_runs(pilot.job, state)
        crew = self.lanes.of(pilot.shape).crew
        if any(other.works for other in crew.live()):
            crew.barren.wait_until(self.requests.now + REFUSED_PAUSE)
            self.requests.say(trouble.message, "warning")
        else:
            self.lanes.give_up(pilot.shape, trouble)

    def heed(self, sink: Sink, event: JobsListed) -> None:
        """What Slurm says of each."""
        jobs = {seen.job: seen for seen in event.jobs}
        self._recognise(event)
        states = [(pilot, job_of(jobs, pilot)) for pilot in self.pilots()]
        for pilot, state in states:  # all of it is heard before any of it is acted upon
            if state is not None:
                self._note(pilot, state)
        for pilot, state in states:
            if state is not None:
                self._act(sink, pilot, state)
            elif pilot.heard.missing(self.requests.now) and pilot.name not in self._asked:
                self._asked[pilot.name] = None
                self._ask_by_id(sink, pilot, pilot.jobs())

    def _ask_by_id(self, sink: Sink, pilot: Pilot, jobs: list[str]) -> None:
        """A listing may leave out what the server knows: one job after the other is asked for."""
        if not jobs:
            del self._asked[pilot.name]
            self.inquest.pilot(sink, pilot)
            return
        told = partial(self._told, sink, pilot, jobs[1:])
        self.requests.ask(AskJob, jobs[0], then=told, failed=told)

    def _told(
        self, sink: Sink, pilot: Pilot, jobs: list[str], _action: Any, event: JobAnswered | Failed
    ) -> None:
        if isinstance(event, Failed):  # nothing is known of it: to be asked again, later
            del self._asked[pilot.name]
            pilot.heard.unknown_answers = 0
        elif event.state is None:
            self._ask_by_id(sink, pilot, jobs)
        else:
            del self._asked[pilot.name]
            if self._doubtful(pilot):
                self._note(pilot, event.state)
                self._act(sink, pilot, event.state)

    def _recognise(self, event: JobsListed) -> None:
        """A pilot whose submit nobody heard the answer of has the name of its job."""
        names = {seen.name: seen.job for seen in event.jobs}
        for pilot in self.fleet.pilots:
            if pilot.live and not pilot.jobs() and pilot.name in names:
                pilot.job = names[pilot.name]
                if pilot.refused:  # refused at last, though an earlier try had made it
                    pilot.phase = "queued"

    def _note(self, pilot: Pilot, state: JobSeen) -> None:
        before = pilot.heard.state
        pilot.heard.seen(state, self.requests.now)
        if (before is None or before.state != state.state) and not self.fleet.past(pilot):
            self.requests.say(f"Job {pilot.job}: {state.state}")

    def _begins(self, pilot: Pilot, state: JobSeen) -> bool:
        """Whether it is news that its job runs."""
        runs = state.state == "RUNNING" and pilot.phase == "queued"
        return runs and pilot.name not in self._began

    def _act(self, sink: Sink, pilot: Pilot, state: JobSeen) -> None:
        if fates.ended(state):
            if self._all_said(pilot, state):
                self.inquest.pilot(sink, pilot)
        elif pilot.phase == "leaving":
            return
        elif fates.stuck(state):
            asked = self.fleet.states.asked_at  # a slow answer proves no more than a quick one
            lasts = asked - (pilot.heard.stuck or self.requests.now) >= STUCK
            if lasts and pilot.held <= self.requests.now:  # else its cancel was refused lately
                self._never_runs(pilot, state)
        elif state.state == "PENDING":
            self.fleet.waits.heard(pilot.job, state, pilot.heard.reason)
            pilot.heard.reason = state.reason
        elif self._begins(pilot, state):
            self._began[pilot.name] = None
            pilot.start = 0.0  # what others took counts no more
            self.logs.hurry()  # its agents come up in a moment, however long it has waited
