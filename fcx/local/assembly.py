"""Puts a cluster together from its options, and says where it is to be found."""

from __future__ import annotations

import os
import secrets
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .api.auth import Authority
from .api.ledger import Ledger
from .api.site import SYSTEM, Secrets, Site, System
from .faults import Faults, split
from .options import Options
from .scheduler import Scheduler, SchedulerSettings
from .stage.store import Stage
from .users import user_name


def assemble(options: Options, root: Path, port: int) -> Site:
    """The site that will be served on a port of this machine."""
    url = f"http://127.0.0.1:{port}"
    home = os.path.expanduser("~")
    exposed = [*(options.filesystems or [home, tempfile.gettempdir(), "/tmp", "/home"]), str(root)]
    system = System(url, tuple(dict.fromkeys(exposed)), options.max_part_size)
    site = Site(
        system=system,
        scheduler=_scheduler(options, root, system.command_timeout),
        authority=Authority(
            f"fcx-local-{secrets.token_hex(4)}", secrets.token_urlsafe(24), user_name()
        ),
        secrets=Secrets(secrets.token_urlsafe(24), secrets.token_urlsafe(24)),
        root=root,
        stage=Stage(root / "stage", url),
        ledger=Ledger(root / "submissions"),
        faults=Faults(),
    )
    put_in_force(site, options.faults)
    return site


def _scheduler(options: Options, root: Path, command_timeout: float) -> Scheduler:
    """The back end that the options name."""
    settings = SchedulerSettings(
        root=root,
        python=options.python or sys.executable,
        nodes=options.nodes,
        cpus_per_node=options.cpus_per_node,
        minute=options.minute,
        kill_wait=options.kill_wait,
        command_timeout=command_timeout,
    )
    if options.scheduler == "slurm":
        from .slurm.backend import SlurmScheduler

        return SlurmScheduler(settings)
    from .process.backend import ProcessScheduler

    return ProcessScheduler(settings)


def put_in_force(site: Site, faults: Mapping[str, Any]) -> None:
    """Faults by name (see faults.py), those of tokens included. ValueError for an unknown one."""
    for name, value in faults.items():
        kind, effect = split(name)
        if effect == "seed":
            site.faults.seed(int(value))
        elif kind == "token" and effect == "lifetime":
            site.authority.lifetime = float(value)
        elif kind == "token" and effect == "refuse":
            site.authority.refusing = bool(value)
        else:
            site.faults.set(kind, {effect: value})


def announcement(site: Site) -> dict[str, Any]:
    """What a user needs, and the process that starts the server."""
    return {
        "env": {
            "FIRECREST_CLIENT_ID": site.authority.client_id,
            "FIRECREST_CLIENT_SECRET": site.authority.client_secret,
            "AUTH_TOKEN_URL": f"{site.system.url}/auth/token",
            "FIRECREST_URL": site.system.url,
            "FIRECREST_SYSTEM": SYSTEM,
            "FIRECREST_ACCOUNT": "staff",
        },
        "url": site.system.url,
        "root": str(site.root),
        "control": site.secrets.control,
        "pid": os.getpid(),
    }
