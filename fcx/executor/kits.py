"""Kits: what the pilots of each shape are made with. The executor's own is the first of its run."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..parity.gate import Facts, Gate, Question
from .core import Limits
from .core.events import Shaped
from .scripts import Scripts
from .settings import RunSettings

if TYPE_CHECKING:
    from .effects.context import Identity, Place


@dataclass(frozen=True)
class Kit:
    """Settings, verdict and scripts of one shape. ``again``: it was made in an earlier process."""

    shape: int
    settings: RunSettings
    gate: Gate
    scripts: Scripts
    again: bool = False

    @property
    def mark(self) -> str | None:
        """What its bundles and pilots are known by, whichever process has made them."""
        return self.scripts.mark


def mark_of(record: Mapping[str, Any]) -> str:
    """By what a shape is made of: two clients of a run never mean different shapes by one mark."""
    text = json.dumps(dict(record), sort_keys=True)
    return f"shape-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


class Kits:
    """All of a run, by shape; from any thread."""

    def __init__(self, first: Kit, facts: Facts, identity: Identity, place: Place) -> None:
        self._lock = threading.Lock()
        self._kits = [first]
        self._facts = facts
        self._identity = identity
        self._place = place

    def __getitem__(self, shape: int) -> Kit:
        return self._kits[shape]

    def __iter__(self) -> Iterator[Kit]:
        return iter(list(self._kits))

    def __len__(self) -> int:
        return len(self._kits)

    def records(self) -> list[dict[str, Any]]:
        """What another process needs of those that are not the executor's own."""
        return [kit.settings.shape_record() for kit in list(self)[1:]]

    def marked(self, mark: str | None) -> Kit | None:
        """The one whose bundles have this mark."""
        return next((kit for kit in self if kit.mark == mark), None)

    def take(self, settings: RunSettings, question: Question, *, again: bool = False) -> Kit:
        """The kit of such pilots: one that there is, or else another.

        One of an earlier process is made anew while nothing is known of its place: that process
        knew the image's manifest, this one may not have it.
        """
        with self._lock:
            known = self._kits[1:] if again else self._kits  # its bundles have a mark, ours none
            same = (kit for kit in known if kit.settings.shape == settings.shape)
            found = next(same, None)
            if found is not None and (again or not found.again or found.gate.judgement is not None):
                return found
            shape = len(self._kits) if found is None else found.shape
            gates = [kit.gate for kit in self._kits if kit is not found]
            gate = next((gate for gate in gates if gate.question == question), None)
            first = self._kits[0].scripts
            mark = mark_of(settings.shape_record())
            scripts = Scripts(settings, first.run, first.key, mark)
            kit = Kit(shape, settings, gate or Gate(question, self._facts), scripts, again)
            self._kits[shape:] = [kit, *self._kits[shape + 1 :]]
            return kit

    def like(self, kit: Kit) -> int:
        """The first shape that has the same verdict."""
        return next(other.shape for other in self if other.gate is kit.gate)

    def limits(self, kit: Kit) -> Limits:
        """As much of one as decisions need."""
        run, durable = self._identity.directory, bool(self._identity.name)
        prefix, directory = kit.scripts.prefix(), self._place.directory
        return kit.settings.limits(run, prefix, directory, durable=durable)

    def shaped(self, kit: Kit) -> Shaped:
        """What the core is told of one."""
        return Shaped(kit.shape, self.limits(kit), self.like(kit), kit.gate.open)
