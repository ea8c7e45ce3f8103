"""What is to be done when an agent or a pilot has ended: last words first, then its claims.

::

    Slurm calls a pilot ended ──> look at all logs ──> who holds its lock? ──> what was claimed?
    an agent left no word ──────> look at all logs ──────────────────────────> what was claimed?
                                  (an outcome wins over a state)               tasks: again, or lost
"""

from __future__ import annotations

from functools import partial
from typing import Any

from ...protocol.layout import parse_claim
from . import fates
from .actions import CancelJob, Forget, ListFolder, ListLinks, ReadOutput
from .events import Failed, FilesListed, LinksListed, OutputRead, Trouble
from .fleet import Heard, Pilot
from .inbox import Inbox
from .lanes import Lane, Lanes
from .limits import Limits
from .logs import Cursor, Logs, Sink
from .requests import Requests, nothing
from .tasks import Task, Tasks

UNREAD, UNREAD_DAMAGED = 15.0, 60.0  # seconds for which what a log still holds is waited for


class Inquest:
    """Looks into ends, one at a time for each agent and pilot."""

    def __init__(
        self,
        requests: Requests,
        limits: Limits,
        tasks: Tasks,
        inbox: Inbox,
        lanes: Lanes,
        logs: Logs,
    ) -> None:
        self.requests = requests
        self.limits = limits
        self.tasks = tasks
        self.inbox = inbox
        self.lanes = lanes
        self.fleet = lanes.numbers.fleet
        self.logs = logs
        self._open: dict[str, None] = {}  # names of agents and pilots that are looked into

    # -- an agent ---------------------------------------------------------------------------

    def agent(self, sink: Sink, cursor: Cursor, how: str) -> None:
        """An agent has ended without a word of its own."""
        if cursor.ended or cursor.name in self._open or self._unread(cursor):
            return
        self._open[cursor.name] = None
        self.logs.look_at_all(sink, partial(self._agent_read, cursor, how))

    def _unread(self, cursor: Cursor) -> bool:
        """Whether there is more in its log than could be read: the next look may."""
        patience = UNREAD_DAMAGED if cursor.spoilt else UNREAD
        return cursor.behind and self.requests.now - cursor.progress < patience

    def _agent_read(self, cursor: Cursor, how: str) -> None:
        pilot = self.fleet.of_agent(cursor.name)
        if self.logs.blind or cursor.ended:
            del self._open[cursor.name]
        elif pilot is None:
            del self._open[cursor.name]
            cursor.ended = "gone"
        else:
            self._with_claims(
                cursor.name, [cursor], partial(self._agent_claims, pilot, cursor, how)
            )

    def _agent_claims(self, pilot: Pilot, cursor: Cursor, how: str, claims: dict[str, str]) -> None:
        job = cursor.incarnation.job
        if fates.ended(pilot.heard.state):
            why = fates.of_job(job, pilot.heard.state)
        elif cursor.told and self.logs.followed(cursor):
            why = fates.requeued(job)
        else:
            text = f"Job {job}: {how} while the task ran"
            why = fates.Fate("failed", Trouble("JobFailed", text))
        for task in self._claimed(cursor, claims):
            self._lost(task, cursor, why)
        del self._open[cursor.name]
        if not self.logs.followed(cursor):
            self.maybe_over(pilot)

    def _lost(self, task: Task, cursor: Cursor, why: fates.Fate) -> None:
        """One of its agent's. Without a word that it had begun, it may have, a moment before."""
        if not task.agent:
            job, how = cursor.incarnation.job, f"Claimed, perhaps begun: {why.trouble.message}"
            self.tasks.ran_beside(task.id, task.attempt, job, how)
        self.tasks.lost(task, why)

    # -- a pilot ----------------------------------------------------------------------------

    def pilot(self, sink: Sink, pilot: Pilot) -> None:
        """Slurm says that it has ended, or has not known it for long."""
        if pilot.name in self._open:
            return
        self._open[pilot.name] = None
        self.logs.look_at_all(sink, partial(self._pilot_read, pilot))

    def _pilot_read(self, pilot: Pilot) -> None:
        """An outcome that could not be read yet must not be taken for none.

        Meanwhile the server may have come to know a job that no listing had.
        """
        unread = any(self._unread(cursor) for cursor in self._silent(pilot))
        if pilot.phase == "ended" or self.logs.blind or unread or pilot.heard.lives:
            del self._open[pilot.name]
            return
        decide = partial(self._pilot_locks, pilot)
        self.requests.ask(ListLinks, "locks", then=decide, failed=decide)

    def _pilot_locks(self, pilot: Pilot, _action: Any, event: LinksListed | Failed) -> None:
        """After an ambiguous submit another job may hold the pilot's lock: that one counts."""
        locks = dict(event.links) if isinstance(event, LinksListed) else {}
        holder = locks.get(pilot.name)
        if holder and holder not in pilot.jobs():
            del self._open[pilot.name]
            self._held_by(pilot, holder)
            return
        silent = self._silent(pilot)
        if silent:
            self._with_claims(pilot.name, silent, partial(self._pilot_claims, pilot, silent))
        else:
            away = isinstance(event, Failed) and event.kind != "missing"
            self._conclude(pilot, begun=bool(holder) or away)

    def _silent(self, pilot: Pilot) -> list[Cursor]:
        """Agents of the pilot that have not said that they end."""
        jobs, cursors = pilot.jobs(), self.logs.cursors.values()
        return [c for c in cursors if c.incarnation.job in jobs and not c.ended]

    def _held_by(self, pilot: Pilot, job: str) -> None:
        self.requests.say(f"{pilot.name} runs as job {job}, not {pilot.job}")
        pilot.job, pilot.heard = job, Heard()
        if pilot.phase == "leaving":
            self.requests.ask(CancelJob, job, then=nothing, failed=nothing)

    def _pilot_claims(self, pilot: Pilot, silent: list[Cursor], claims: dict[str, str]) -> None:
        """What was killed may have been so for its memory: the job's output says it."""
        lost = partial(self._pilot_lost, pilot, silent, claims)
        if fates.killed(pilot.heard.state) and pilot.phase != "leaving":
            self.requests.ask(ReadOutput, pilot.job, then=lost, failed=lost)
        else:
            lost(None, None)

    def _pilot_lost(
        self,
        pilot: Pilot,
        silent: list[Cursor],
        claims: dict[str, str],
        _action: Any,
        event: OutputRead | Failed | None,
    ) -> None:
        told = event.text if isinstance(event, OutputRead) else ""
        why = fates.of_job(pilot.job, pilot.heard.state, told)
        for cursor in silent:
            if cursor.name in claims.values():  # it did come up, though its log cannot be read
                pilot.agents[cursor.name] = None
                self.inbox.agent_up(
                    pilot.bundles, pilot.brings.archives, opened=pilot.brings.opened
                )
            for task in self._claimed(cursor, claims):
                if pilot.phase == "leaving":
                    self.tasks.back(task)  # we cancelled it: that is not to be charged to the task
                else:
                    self._lost(task, cursor, why)
        self._conclude(pilot)

    def _conclude(self, pilot: Pilot, *, begun: bool = True) -> None:
        """``begun``: its script may have come to our lines, as the lock that it took says."""
        told = pilot.phase == "leaving" or pilot.agents or self.fleet.past(pilot)
        if told or not pilot.job:  # an earlier process ended before it had an answer
            del self._open[pilot.name]
            self.over(pilot)
        else:
            read = partial(self._barren, pilot, begun)
            self.requests.ask(ReadOutput, pilot.job, then=read, failed=read)

    def _barren(self, pilot: Pilot, begun: bool, _action: Any, event: OutputRead | Failed) -> None:
        """A pilot ended before its agent came up: again, but not for ever."""
        del self._open[pilot.name]
        if pilot.heard.lives:
            return
        told = event.text if isinstance(event, OutputRead) else ""
        lane = self.lanes.of(pilot.shape)
        lane.crew.barren.another(self.requests.now)
        unread = isinstance(event, Failed) and event.kind != "missing"  # it may say why
        judge = fates.of_job if begun or unread else fates.not_begun
        why = judge(pilot.job, pilot.heard.state, told)
        why = fates.no_time(pilot.job) if why.kind == "time" else why
        self.requests.note(Forget("verdict", pilot.shape))
        if begun and not pilot.brings.opened and fates.complains(why, pilot.heard.state, told):
            pilot.phase = "ended"
            words = lane.limits.words
            trouble = fates.not_started(pilot.job, words.python, told, words.tag)
            self.lanes.give_up(pilot.shape, trouble)
        elif self._hopeless(lane, why):
            pilot.phase = "ended"
            self.lanes.give_up(pilot.shape, why.trouble)
        else:
            text = why.trouble.message.rstrip(".")
            self.requests.say(f"{text}. Another pilot is submitted.", "warning")
            self._what_it_brought(pilot)

    def _what_it_brought(self, pilot: Pilot) -> None:
        """Its script may have laid its bundles into the inbox, though no agent came up."""
        if not any(name in self.inbox.kept for name in pilot.bundles):
            self.over(pilot)
            return
        self._open[pilot.name] = None
        brought = partial(self._brought, pilot)
        self.requests.ask(ListFolder, "inbox", then=brought, failed=brought)

    def _brought(self, pilot: Pilot, _action: Any, event: FilesListed | Failed) -> None:
        del self._open[pilot.name]
        there = dict(event.files) if isinstance(event, FilesListed) else {}
        arrived = [name for name in pilot.bundles if name in there]
        if arrived:
            self.inbox.agent_up(arrived, pilot.brings.archives, opened=pilot.brings.opened)
        self.over(pilot)

    def _hopeless(self, lane: Lane, why: fates.Fate) -> bool:
        """Whether another pilot would end like this one; while any works, nothing is given up.

        So would one whose setup has never done, or whose image is gone; where an agent has come up,
        it may again on another node.
        """
        works = any(pilot.works for pilot in lane.crew.live())
        often = lane.crew.barren.count > self.limits.task_retries
        first = why.kind in {"setup", "image"} and not self.logs.cursors
        never = first or why.kind in {"time", "own"}
        return not works and (often or never)

    # -- what follows -----------------------------------------------------------------------

    def maybe_over(self, pilot: Pilot) -> None:
        """The pilot is over once the agents of all its nodes have ended."""
        ended = [
            cursor.ended for cursor in self.logs.cursors.values() if cursor.name in pilot.agents
        ]
        if len(ended) >= self.fleet.limits(pilot).nodes and all(ended):
            self.over(pilot)

    def over(self, pilot: Pilot) -> None:
        """Nothing more comes from this pilot: what only it could bring goes back."""
        if pilot.phase == "ended":
            return
        pilot.phase = "ended"
        if not self.fleet.past(pilot):
            self.requests.say(f"Job {pilot.job} has ended")
        kept = self.inbox.kept  # by us alone: no agent of this pilot came up to take them
        others = {name for other in self.fleet.live() for name in other.bundles}
        carried = [name for name in pilot.bundles if name in kept and name not in others]
        reserved = [pilot.reserved] if pilot.reserved and pilot.reserved not in carried else []
        for bundle in reserved + carried:
            self.inbox.drop(bundle)
            for task in self.tasks.in_bundle(bundle):
                self.tasks.back(task)

    # -- claims -----------------------------------------------------------------------------

    def _with_claims(self, whose: str, cursors: list[Cursor], then: Any) -> None:
        """Who claimed what; then nothing more is expected of these agents."""
        self.requests.ask(
            ListLinks,
            "claims",
            then=partial(self._claims, cursors, then),
            failed=partial(self._no_claims, whose),
        )

    def _claims(self, cursors: list[Cursor], then: Any, _action: Any, event: LinksListed) -> None:
        for cursor in cursors:
            cursor.ended = cursor.ended or "gone"
        then(dict(event.links))

    def _no_claims(self, whose: str, _action: Any, event: Failed) -> None:
        """The next look, or the next listing of jobs, begins it anew."""
        del self._open[whose]
        if event.kind == "missing":
            self.requests.give_up(fates.run_lost(self.inbox.directory))
            return
        self.requests.say(f"Claims were not read: {event.trouble.message}", "warning")

    def _claimed(self, cursor: Cursor, claims: dict[str, str]) -> list[Task]:
        """Unfinished tasks of the portions that an agent had claimed."""
        mine = [parse_claim(name) for name, owner in claims.items() if owner == cursor.name]
        return self.tasks.in_portions(portion for portion in mine if portion)
