"""What one running cluster is made of: its names, its limits, its parts.

Every route gets at it through the application's state (`site_of`); there is nothing global.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi import Request

from fcx.local.api.auth import Authority
from fcx.local.api.counts import Ledger
from fcx.local.api.listing import Stale
from fcx.local.api.stage import Stage
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
    stale: Stale
    stage: Stage
    system: str = SYSTEM
    command_timeout: float = 5.0
    max_ops_size: int = MAX_OPS_SIZE
    max_part_size: int = 64 * 1024 * 1024
    started: float = field(default_factory=time.time)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def later(self, seconds: float, work: Coroutine[Any, Any, None]) -> None:
        """Do something after a while, unless the server stops before."""

        async def wait_and_work() -> None:
            try:
                await asyncio.sleep(seconds)
            except asyncio.CancelledError:
                work.close()
                raise
            await work

        task = asyncio.ensure_future(wait_and_work())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def forget_later(self) -> None:
        """Drop what was put off."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def transfers(self) -> str:
        """The directory where transfer jobs run and log."""
        folder = self.root / "transfers"
        folder.mkdir(exist_ok=True)
        return str(folder)

    def exposes(self, path: str) -> bool:
        """Whether a normalised absolute path lies in a file system that the API shows."""
        return any(path == fs or path.startswith(fs.rstrip("/") + "/") for fs in self.filesystems)


def site_of(request: Request, system_name: str) -> Site:
    """The site that a request speaks to; 404 for a system that is not there."""
    site: Site = request.app.state.site
    if system_name != site.system:
        raise ApiError("System not found", status=404)
    return site
