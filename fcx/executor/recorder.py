"""The flight recorder: what a run's core was told and when, so that trouble can be replayed.

Events hold ids, sizes and words, never payload or secrets. A trace is one JSON document,
``{"fcx": 1, "limits": ..., "dropped": n, "events": [[seconds, event], ...]}``; one from which
nothing was dropped can be replayed on the real core (``make simulate TRACE=file``).
"""

from __future__ import annotations

from collections import deque
from pathlib import Path

import msgspec

from ..errors import UsageError
from ..files import replacing, state_folder
from .core import Core, Limits
from .core.actions import Action
from .core.events import (
    AnyEvent,
    Attached,
    FilesListed,
    InboxRead,
    JobsListed,
    LinksListed,
    LogRead,
    Settled,
    Submitted,
)

FORMAT = 2
MOST_TRACES = 20
MOST = 100_000  # what is kept: events, with the tasks, records, jobs and files in them


class Trace(msgspec.Struct, kw_only=True):
    """A recorded run."""

    fcx: int = FORMAT
    limits: Limits
    dropped: int = 0  # events at the beginning that are not there
    events: list[tuple[float, AnyEvent]]

    @classmethod
    def read(cls, data: bytes) -> Trace:
        """Read a packed trace. Raises UsageError for what is none, or of another format."""
        try:
            trace = msgspec.json.decode(data, type=cls)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise UsageError(
                f"No trace that this fcx can read: {error}. Take the file as it was written."
            ) from error
        if trace.fcx != FORMAT:
            raise UsageError(
                f"The trace has format {trace.fcx}, not {FORMAT}: use the fcx that wrote it."
            )
        return trace

    def replay(self) -> list[tuple[float, AnyEvent, list[Action]]]:
        """The same events again, each with what the core does about it."""
        if self.dropped:
            raise UsageError(
                f"The first {self.dropped} events of this run are not in the trace, so it can be "
                "read but not replayed."
            )
        core = Core(self.limits)
        return [(now, event, core.handle(event, now)) for now, event in self.events]


class Recorder:
    """A bounded ring of events."""

    def __init__(self, limits: Limits, most: int = MOST) -> None:
        self._limits = limits
        self._most = most
        self._events: deque[tuple[float, AnyEvent]] = deque()
        self._weight = 0
        self._dropped = 0

    @property
    def run(self) -> str:
        """The id of the run that is recorded."""
        return self._limits.words.run

    def note(self, now: float, event: AnyEvent) -> None:
        """Keep an event; the oldest go once there are too many."""
        self._events.append((now, event))
        self._weight += _weight(event)
        while self._weight > self._most and len(self._events) > 1:
            self._weight -= _weight(self._events.popleft()[1])
            self._dropped += 1

    def pack(self) -> bytes:
        """The trace as JSON."""
        trace = Trace(limits=self._limits, dropped=self._dropped, events=list(self._events))
        return msgspec.json.encode(trace)


def keep(trace: bytes, run: str) -> Path:
    """Write a trace where this machine keeps those of runs that broke; the oldest go.

    Raises UsageError where the folder cannot be written to.
    """
    folder = state_folder() / "traces"
    path = folder / f"{run}.json"
    with replacing(path) as partial:
        partial.write_bytes(trace)
    for old in sorted(folder.glob("*.json"))[:-MOST_TRACES]:
        old.unlink(missing_ok=True)
    return path


def _weight(event: AnyEvent) -> int:
    """A user may have thousands of jobs, and each listing has them all."""
    held = HOLD.get(type(event))
    return 1 + len(getattr(event, held)) if held else 1


HOLD: dict[type, str] = {
    Submitted: "tasks",
    Attached: "tasks",
    InboxRead: "tasks",
    JobsListed: "jobs",
    FilesListed: "files",
    LinksListed: "links",
    LogRead: "records",
    Settled: "tasks",
}
"""What there may be many of in an event."""
