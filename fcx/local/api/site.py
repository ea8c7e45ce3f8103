"""What one running cluster is made of: the system that the API shows, and the parts behind it.

Every route gets at it through the application's state (`site_of`); there is nothing global.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from fastapi import Request

from ..errors import ApiError
from ..faults import Faults
from ..scheduler import Scheduler
from ..stage.store import Stage
from .auth import Authority
from .filesystem.stale import Stale
from .later import Later
from .ledger import Ledger

SYSTEM = "fcx-local"
MAX_OPS_SIZE = 5 * 1024 * 1024


@dataclass(frozen=True)
class System:
    """A system as the API knows it: where, what it shows of the machine, its limits."""

    url: str
    filesystems: tuple[str, ...]
    max_part_size: int
    name: str = SYSTEM
    command_timeout: float = 5.0
    max_ops_size: int = MAX_OPS_SIZE
    started: float = field(default_factory=time.time)

    def exposes(self, path: str) -> bool:
        """Whether a normalised absolute path lies in a file system that the API shows."""
        return any(path == fs or path.startswith(fs.rstrip("/") + "/") for fs in self.filesystems)


@dataclass(frozen=True)
class Secrets:
    """What those present who are no user: the starter of the cluster, the programs of its jobs."""

    control: str
    controller: str


@dataclass
class Site:
    """A system, and the parts that answer for it."""

    system: System
    scheduler: Scheduler
    authority: Authority
    secrets: Secrets
    root: Path
    stage: Stage
    ledger: Ledger
    faults: Faults
    stale: Stale = field(default_factory=Stale)
    later: Later = field(default_factory=Later)

    @property
    def transfers(self) -> str:
        """The directory where transfer jobs run and log."""
        folder = self.root / "transfers"
        folder.mkdir(exist_ok=True)
        return str(folder)


def site_of(request: Request, system_name: str) -> Site:
    """The site that a request speaks to; 404 for a system that is not there."""
    site: Site = request.app.state.site
    if system_name != site.system.name:
        raise ApiError("System not found", status=404)
    return site
