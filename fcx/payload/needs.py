"""Which modules a task needs: those its pickle refers to, and those its code imports.

By reference means that unpickling imports them; the imports inside functions run later. Of both,
the user's own modules travel along (``collect``), the rest must exist remotely (``parity``).

::

    payload ──> Scan ──> references, code objects ──> Requirements ──┬─> Needs.requirements
                    │                                            └─> shipped, archive
                 functions of the user's own modules, walked live
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from .archive import archive, archive_name
from .collect import Include, shippable
from .installed import installed
from .requirements import Requirements
from .scan import Scan
from .shipped import Shipped, needs_extraction

RECHECK_SECONDS = 0.5
"""Files of shipped modules are looked at again after this long: an edited one is sent anew."""


@dataclass(frozen=True, eq=False)
class Needs:
    """What one kind of task needs; the same object for each task of that kind."""

    requirements: Requirements  # of the remote side
    shipped: tuple[Shipped, ...] = ()
    archive: bytes = b""  # a zip whose root belongs on sys.path; empty: nothing to ship
    archive_name: str = ""
    extract: bool = False  # the zip must be unpacked: it has data files or extension modules
    asked: Requirements = field(default_factory=Requirements)  # what is shipped included


def needed(fn: Callable[..., Any], payload: bytes) -> Requirements:
    """The modules that a pickled task needs. Never raises, whatever ``fn`` is.

    ``payload`` is the pickle of the task; ``fn`` is looked at only where the pickle has neither
    its code nor a reference to it.
    """
    return _with_installed(Scan(fn, payload).requirements())


class Looked(Protocol):
    """What is known of the code in something that a task takes."""

    @property
    def key(self) -> Any:
        """Equal for what needs the same."""

    def requirements(self) -> Requirements:
        """What that is."""


class RequirementsCache:
    """``Needs`` of tasks, worked out once per kind of task; for one executor, any thread.

    ``first``: the pickled initializer of all workers, or nothing. Each task needs what that needs.
    """

    def __init__(
        self,
        include: Iterable[Include] = (),
        clock: Callable[[], float] = time.monotonic,
        first: bytes = b"",
    ) -> None:
        self._include = tuple(include)
        self._first = _of(first) if first else Requirements()
        self._clock = clock
        self._lock = threading.Lock()
        self._looked = clock()
        self._known: dict[Any, Needs] = {}
        self._archives: dict[tuple[Shipped, ...], tuple[Any, bytes]] = {}

    def needs(
        self, fn: Callable[..., Any], payload: bytes, taken: tuple[Looked, ...] = ()
    ) -> Needs:
        """What a pickled task needs, and the objects that it takes.

        Raises PayloadError if its modules are too large to ship, or cannot be told.
        """
        return self.of(Scan(fn, payload), taken)

    def of(self, scan: Scan, taken: tuple[Looked, ...] = ()) -> Needs:
        """The same for a task that was looked at."""
        scan.refuse_half()
        key = (scan.key, *(each.key for each in taken)) if taken else scan.key
        known = self._known.get(key)
        if known is not None and not known.shipped:
            return known
        with self._lock:
            self._forget_edited()
            if key not in self._known:
                required = self._first
                for each in (scan, *taken):
                    required |= each.requirements()
                self._known[key] = self._work_out(required)
            return self._known[key]

    def _work_out(self, requirements: Requirements) -> Needs:
        shipped = shippable(sorted(requirements.names), self._include)
        if shipped not in self._archives:
            self._archives[shipped] = (_stamp(shipped), archive(shipped))
        data = self._archives[shipped][1]
        name = archive_name(data) if data else ""
        unpacked = needs_extraction(shipped)
        beyond = _beyond(requirements, shipped)
        return Needs(beyond, shipped, data, name, unpacked, requirements)

    def _forget_edited(self) -> None:
        """Drop what was worked out from files that have changed since."""
        now = self._clock()
        if now - self._looked < RECHECK_SECONDS:
            return
        self._looked = now
        stale = {one for one, (stamp, _) in self._archives.items() if _stamp(one) != stamp}
        if stale:
            self._archives = {one: had for one, had in self._archives.items() if one not in stale}
            self._known = {key: had for key, had in self._known.items() if had.shipped not in stale}


def _of(initializer: bytes) -> Requirements:
    scan = Scan(None, initializer)
    scan.refuse_half()
    return scan.requirements()


def _beyond(requirements: Requirements, shipped: Iterable[Shipped]) -> Requirements:
    """What the remote side itself must have when ``shipped`` travel along."""
    shipped = tuple(shipped)
    imports = [each for one in shipped for each in one.imports]
    return _with_installed(requirements.without({one.name for one in shipped}, imports))


def _with_installed(requirements: Requirements) -> Requirements:
    return replace(requirements, installed=installed(requirements.names))


def _stamp(shipped: Iterable[Shipped]) -> tuple[tuple[str, int, int], ...]:
    return tuple(file.stamp() for one in shipped for file in one.files)
