"""What is looked at, and what checks have found of it for those that need them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..config import Credentials, Settings
from ..jobscript.options import Options

if TYPE_CHECKING:
    from ..edf.run import RunEdf
    from ..firecrest.answers import Health, Identity
    from ..firecrest.client import Client
    from ..parity.gate import Question
    from ..parity.manifest import Manifest


@dataclass(frozen=True)
class Asked:
    """What the caller has named; empty or None: what fcx.toml says."""

    working_dir: str = ""
    edf: str | None = None
    sbatch: Sequence[str] | None = None


@dataclass
class Server:
    """What is known of the server, each once the check that finds it has."""

    credentials: Credentials | None = None
    client: Client | None = None
    health: dict[str, list[Health]] = field(default_factory=dict)
    services: list[Health] = field(default_factory=list)  # of the system
    identity: Identity | None = None


@dataclass
class Container:
    """The same of image and EDF; all None where there is none."""

    manifest: Manifest | None = None
    edf: RunEdf | None = None
    question: Question | None = None  # what a verdict would be about


@dataclass
class Case:
    """One examination."""

    asked: Asked = Asked()
    settings: Settings = field(default_factory=lambda: Settings(Path.cwd()))
    options: Options = field(default_factory=lambda: Options((), ()))
    working_dir: str = ""  # asked for, or of fcx.toml; else the one that is proposed
    server: Server = field(default_factory=Server)
    container: Container = field(default_factory=Container)

    @property
    def credentials(self) -> Credentials:
        """Who asks whom: for checks that need the variables."""
        assert self.server.credentials is not None
        return self.server.credentials

    @property
    def client(self) -> Client:
        """For checks that need the address."""
        assert self.server.client is not None
        return self.server.client

    @property
    def identity(self) -> Identity:
        """For checks that need the user."""
        assert self.server.identity is not None
        return self.server.identity
