"""What one running cluster is made of: its names, its limits, its parts.

Every route gets at it through the application's state (`site_of`); there is nothing global.
"""

from __future__ import annotations

import grp
import os
import pwd
import time
from dataclasses import dataclass, field
from pathlib import Path

from fastapi import Request

from fcx.local.auth import Authority
from fcx.local.counts import Ledger
from fcx.local.errors import ApiError
from fcx.local.faults import Faults
from fcx.local.scheduler import Scheduler

SYSTEM = "fcx-local"
MAX_OPS_SIZE = 5 * 1024 * 1024


@dataclass
class Site:
    """A system as the API knows it, and the parts that answer for it."""

    scheduler: Scheduler
    authority: Authority
    root: Path
    url: str
    control_token: str
    desk_token: str
    filesystems: tuple[str, ...]
    faults: Faults
    ledger: Ledger
    system: str = SYSTEM
    command_timeout: float = 5.0
    max_ops_size: int = MAX_OPS_SIZE
    max_part_size: int = 64 * 1024 * 1024
    started: float = field(default_factory=time.time)

    @property
    def home(self) -> str:
        """The directory where transfer jobs run: the user's home, if it is exposed."""
        home = os.path.expanduser("~")
        return home if self.exposes(home) else str(self.root)

    def exposes(self, path: str) -> bool:
        """Whether a normalised absolute path lies in a file system that the API shows."""
        return any(path == fs or path.startswith(fs.rstrip("/") + "/") for fs in self.filesystems)


def site_of(request: Request, system_name: str) -> Site:
    """The site that a request speaks to; 404 for a system that is not there."""
    site: Site = request.app.state.site
    if system_name != site.system:
        raise ApiError("System not found", status=404)
    return site


def user_name() -> str:
    """The name of the user who runs the server (the number where it has no name)."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def group_name(gid: int | None = None) -> str:
    """The name of a group, the caller's own by default (the number where it has no name)."""
    number = os.getgid() if gid is None else gid
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
