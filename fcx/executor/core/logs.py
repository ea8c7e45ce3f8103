"""How far each agent's log has been read, and when to look again.

A look is one blind read of the only log there is, or one listing of all logs followed by reads of
those that have grown. One look at a time; the records go to ``sink`` in the order of each log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from typing import Any, NamedTuple, Protocol

import msgspec

from ...protocol.layout import LogFile
from ...protocol.names import Incarnation
from .actions import ListFolder, ReadLog
from .events import AnyRecord, Continued, Failed, FilesListed, Left, LogRead, Record, Told, Up
from .fates import run_lost, run_taken
from .fleet import Fleet
from .inbox import Inbox
from .limits import Limits
from .requests import Requests
from .rhythm import Rhythm

LISTED_AFTER = 60.0  # seconds without a listing, which would tell of another client
BESIDE = 1.0  # while one works, and others wait in the queue
LISTED_FROM = 2.0  # seconds between looks from which a listing replaces a blind read
SPOILT_LOOKS, SPOILT_SECONDS = 5, 3.0  # of damage at one place, before it is left out


class Cursor(msgspec.Struct):
    """How far one agent's log has been read."""

    incarnation: Incarnation
    segment: int = 0
    offset: int = 0
    listed: int = 0  # bytes of that segment, as last listed
    beat: int = 0  # bytes of its heartbeat
    progress: float = 0.0  # when it last gave a sign of life
    up: bool = False
    told: bool = False  # to end, with all else in its job
    ended: str = ""  # why, once it said so or is known to be gone
    exit_note: bool = False
    spoilt: int = 0  # reads in a row that found damage at this place
    spoilt_since: float = 0.0

    @property
    def name(self) -> str:
        """The agent's name."""
        return str(self.incarnation)

    @property
    def file(self) -> str:
        """File name of the segment that is read next."""
        return f"{self.name}.{self.segment}"

    @property
    def behind(self) -> bool:
        """Whether there is more than was read."""
        return self.offset < self.listed

    def take(self, event: LogRead) -> None:
        """Move on past what was read."""
        self.offset += event.used
        for record in event.records:
            if isinstance(record, Continued):
                self.segment, self.offset, self.listed = record.segment, 0, 0
            elif isinstance(record, Up):
                self.up = True
            elif isinstance(record, Told):
                self.told = True
            elif isinstance(record, Left):
                self.ended = record.why


class Place(NamedTuple):
    """Where an attempt at a task runs: in a slot of the agent whose log that is."""

    task: str
    attempt: int
    slot: int
    cursor: Cursor


class Sink(Protocol):
    """Who hears what the logs say."""

    def on_record(self, cursor: Cursor, record: AnyRecord) -> None:
        """One record, in its log's order."""

    def on_silence(self, cursor: Cursor, how: str) -> None:
        """An agent has ended without a word of its own."""


class Logs:
    """All logs of a run."""

    def __init__(
        self, requests: Requests, rhythm: Rhythm, limits: Limits, inbox: Inbox, fleet: Fleet
    ) -> None:
        self.requests = requests
        self.rhythm = rhythm
        self.limits = limits
        self.inbox = inbox
        self.fleet = fleet
        self.cursors: dict[Incarnation, Cursor] = {}
        self.listed_only = False  # another process began the run: its agents are not known
        self.unseen = False  # and they have not been looked for yet
        self.look = Look()
        self.looked = 0.0
        self.blind = False  # the logs could not be listed: what they hold is not known
        self.listed_at = 0.0

    def attach(self) -> None:
        """Find the logs by listings alone."""
        self.listed_only = self.unseen = True

    def hurry(self) -> None:
        """There is work again: look soon."""
        self.listed_at = self.listed_at or self.requests.now  # a new run has no other client
        self.rhythm.hurry(self.requests.now)
        self.looked = self.requests.now

    def due(self) -> float:
        """When to look again."""
        return self.looked + self.rhythm.pause(self.looked)

    def followed(self, cursor: Cursor) -> bool:
        """Whether its job was put back into the queue, and has begun again."""
        me = cursor.incarnation
        return me._replace(restart=me.restart + 1) in self.cursors

    def last_sign(self, agents: Iterable[str]) -> float:
        """When one of these agents last gave a sign of life."""
        known = [me for agent in agents if (me := _named(agent)) in self.cursors]
        return max((self.cursors[me].progress for me in known if me), default=0.0)

    # -- looking ----------------------------------------------------------------------------

    def plan(self, sink: Sink) -> None:
        """Look, if it is time."""
        if self.rhythm.follow(self.requests.now):
            self.looked = self.requests.now
        if self.look.busy or self.requests.now < self.due():
            return
        if not self.listed_only and not any(pilot.job for pilot in self.fleet.pilots):
            self.looked = self.requests.now
            return
        cursor = self._only_log()
        seldom = self.requests.now - self.listed_at >= self._listed_after()
        if cursor is None or seldom or self.rhythm.pause(self.looked) >= LISTED_FROM:
            self.look_at_all(sink)
        else:
            self.look.begin(None, self.requests.now)
            self._read(sink, cursor)

    def _listed_after(self) -> float:
        """Seconds from one listing to the next: agents of pilots that wait may come up."""
        live = self.fleet.live()
        beside = any(pilot.phase == "up" for pilot in live) and any(pilot.pending for pilot in live)
        return BESIDE if beside else LISTED_AFTER

    def look_at_all(self, sink: Sink, then: Callable[[], None] | None = None) -> None:
        """List the logs and read what is new; ``then`` follows the last record.

        While a look is under way, another begins after it: what ``then`` waits for must have been
        asked for after this call.
        """
        if self.look.busy:
            if then is not None:
                self.look.afterwards.append(then)
            return
        self.look.begin(then, self.requests.now)
        self.requests.ask(
            ListFolder,
            "logs",
            then=partial(self._listed, sink),
            failed=partial(self._unlisted, sink),
        )

    def _only_log(self) -> Cursor | None:
        """The log to read without a listing: of one pilot of one node, begun or about to.

        Others may wait beside it: a listing now and then tells that they have begun.
        """
        live = [p for p in self.fleet.live() if p.ambiguous or not p.refused]
        up = [p for p in live if p.phase == "up"]
        live = up if len(up) == 1 else live
        if self.listed_only or len(live) != 1 or not live[0].job:
            return None
        pilot = live[0]
        if self.fleet.limits(pilot).nodes != 1:
            return None
        if pilot.agents:
            agents = [Incarnation.parse(agent) for agent in pilot.agents]
            cursors = [self.cursors[a] for a in agents if a and not self.cursors[a].ended]
            return cursors[0] if len(cursors) == 1 else None
        if pilot.ambiguous:
            return None  # it may run under another id
        first = Incarnation(pilot.job, 0, 0)
        return self.cursors.get(first, Cursor(first))  # listed, but without a word so far

    def _listed(self, sink: Sink, _action: Any, event: FilesListed) -> None:
        self.blind = self.unseen = False
        self.listed_at = self.requests.now
        sizes = dict(event.files)
        self.inbox.see_clients(sizes)
        if self.inbox.taken:
            self.requests.give_up(run_taken(self.limits.words.run, self.inbox.newest))
            self._maybe_over(sink)
            return
        for name in sizes:
            log = LogFile.parse(name)
            if log and log.what == "0" and log.incarnation not in self.cursors:
                me = log.incarnation
                self.cursors[me] = Cursor(me, progress=self.requests.now)
        for cursor in list(self.cursors.values()):
            beat = sizes.get(f"{cursor.name}.beat", 0)
            if beat != cursor.beat:
                cursor.beat, cursor.progress = beat, self.requests.now
            cursor.exit_note = f"{cursor.name}.exit" in sizes
            cursor.listed = sizes.get(cursor.file, 0)
            if cursor.behind:
                self._read(sink, cursor)
        self._maybe_over(sink)

    def _unlisted(self, sink: Sink, _action: Any, event: Failed) -> None:
        self.blind, self.unseen = event.kind != "missing", False
        if event.kind == "missing":
            self.listed_at = self.requests.now  # there is nothing yet
        if event.kind == "missing" and self.inbox.landed:
            self.requests.give_up(run_lost(self.inbox.directory))
        elif self.blind:
            self.requests.say(f"The logs were not listed: {event.trouble.message}", "warning")
        self._maybe_over(sink)

    def _read(self, sink: Sink, cursor: Cursor) -> None:
        self.look.reads += 1
        self.requests.ask(
            ReadLog,
            cursor.name,
            cursor.segment,
            cursor.offset,
            self._gives_up_line(cursor),
            then=partial(self._on_read, sink, cursor),
            failed=partial(self._unread, sink, cursor),
        )

    def _on_read(self, sink: Sink, cursor: Cursor, action: ReadLog, event: LogRead) -> None:
        self.look.reads -= 1
        self._note_damage(cursor, action, event)
        if event.used:
            cursor = self.cursors.setdefault(cursor.incarnation, cursor)
            cursor.progress = self.requests.now
            self.look.news = True
            segment = cursor.segment
            cursor.take(event)
            for record in event.records:
                sink.on_record(cursor, record)
            if cursor.segment != segment or cursor.behind:
                self._read(sink, cursor)
        self._maybe_over(sink)

    def _gives_up_line(self, cursor: Cursor) -> bool:
        """Half-written lines look damaged for a moment; one that stays so is left out."""
        lasts = self.requests.now - cursor.spoilt_since >= SPOILT_SECONDS
        return cursor.spoilt >= SPOILT_LOOKS and lasts

    def _note_damage(self, cursor: Cursor, action: ReadLog, event: LogRead) -> None:
        if action.skip and event.used:
            self.requests.say(
                f"The log {cursor.file} is damaged at byte {action.offset}, or not of this run "
                f"there: that was left out. The file is in {self.inbox.directory}/logs.",
                "warning",
            )
        if not event.spoilt or event.used:
            cursor.spoilt = 0
        elif not cursor.spoilt:
            cursor.spoilt, cursor.spoilt_since = 1, self.requests.now
        else:
            cursor.spoilt += 1

    def _unread(self, sink: Sink, cursor: Cursor, _action: Any, event: Failed) -> None:
        """A log that is not there yet is no news; one that we had read from is lost."""
        self.look.reads -= 1
        known = self.inbox.landed and cursor.incarnation in self.cursors and cursor.offset > 0
        if event.kind == "missing" and known:
            self.requests.give_up(run_lost(self.inbox.directory))
        elif event.kind != "missing":
            self.requests.say(f"A log was not read: {event.trouble.message}", "warning")
        self._maybe_over(sink)

    def _maybe_over(self, sink: Sink) -> None:
        if self.look.reads:
            return
        self.looked = self.requests.now
        self.rhythm.over(self.look.began, self.looked, news=self.look.news)
        then, afterwards = self.look.end()
        self._see_ends(sink)
        for follow in then:
            follow()
        if afterwards:
            self.look_at_all(sink, partial(_all, afterwards))

    def _see_ends(self, sink: Sink) -> None:
        """Agents that died, and lives that were followed by others."""
        for cursor in list(self.cursors.values()):
            if cursor.ended:
                continue
            if cursor.exit_note:
                sink.on_silence(cursor, "its agent was killed")
            elif self.followed(cursor):
                sink.on_silence(cursor, "the job was requeued")


class Look:
    """The look that is under way."""

    def __init__(self) -> None:
        self.busy = False
        self.began = 0.0
        self.reads = 0  # under way
        self.news = False
        self.afterwards: list[Callable[[], None]] = []  # wait for another look after this one
        self._then: list[Callable[[], None]] = []

    def begin(self, then: Callable[[], None] | None, now: float) -> None:
        """A look begins."""
        self.busy, self.reads, self.news = True, 0, False
        self.began = now
        self._then = [then] if then else []

    def end(self) -> tuple[list[Callable[[], None]], list[Callable[[], None]]]:
        """It is over: what follows it, and what waits for another."""
        then, afterwards = self._then, self.afterwards
        self.busy, self._then, self.afterwards = False, [], []
        return then, afterwards


@lru_cache(1 << 12)  # it is asked for after each event
def _named(agent: str) -> Incarnation | None:
    return Incarnation.parse(agent)


def _all(follow: list[Callable[[], None]]) -> None:
    for each in follow:
        each()


__all__ = ["Cursor", "Logs", "Place", "Record", "Sink"]
