"""What effects work with: one run's identity, and its ways to the cluster and the disk."""

from __future__ import annotations

import hashlib
import posixpath
import secrets
import time
from dataclasses import dataclass, field

from ...firecrest.client import Client
from ...parity.gate import Gate
from ...protocol import keys
from ...state.memory import Memory
from ...state.presence import Presence
from ..home import Home
from ..kits import Kits
from ..scripts import Scripts
from ..settings import RunSettings
from ..store import RequirementSets, Store


@dataclass(frozen=True)
class Identity:
    """A run's id and name, and the key from which all others derive: it stays with the client."""

    id: str
    key: bytes = field(repr=False)
    name: str = ""  # of its directory, where that is not the id

    @classmethod
    def new(cls, name: str = "", place: str = "") -> Identity:
        """Of a run that begins; one with a name of the user's has an id for each ``place``."""
        if name:
            unique = f"{name}-{hashlib.sha256(place.encode()).hexdigest()[:8]}"
        else:
            unique = time.strftime("%Y%m%d-%H%M%S-") + secrets.token_hex(4)
        return cls(unique, secrets.token_bytes(32), name)

    @property
    def directory(self) -> str:
        """The name of its directory."""
        return self.name or self.id


class Place:
    """Where the run directory lies, once that is known."""

    def __init__(self, directory: str = "") -> None:
        self._directory = directory

    def found(self, base: str, run: str) -> None:
        """The folder of all our runs is known."""
        self._directory = posixpath.join(base, run)

    @property
    def directory(self) -> str:
        """The run directory; empty while it is not known."""
        return self._directory

    @property
    def base(self) -> str:
        """The folder of all our runs."""
        return posixpath.dirname(self._directory)

    def path(self, *parts: str) -> str:
        """A path below the run directory."""
        return posixpath.join(self._directory, *parts)


@dataclass(frozen=True)
class Context:
    """One run, as effects see it."""

    settings: RunSettings
    identity: Identity
    place: Place
    client: Client
    home: Home
    gate: Gate
    memory: Memory
    scripts: Scripts
    kits: Kits  # the executor's own settings, verdict and scripts, and those of other shapes
    store: Store
    requirements: RequirementSets
    presence: Presence

    @property
    def inbox_key(self) -> bytes:
        """The key under which we sign what we send."""
        return keys.inbox_key(self.identity.key)
