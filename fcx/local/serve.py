"""Start and stop the server: in the foreground, or in a child process for tests.

The child is told what to serve by one JSON line on its standard input, answers with one JSON line
on its standard output when it is ready, and stops when it is signalled or when its standard input
ends, so that it never outlives the process that started it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import uvicorn

from fcx.local.api.app import create_app
from fcx.local.api.auth import Authority
from fcx.local.api.counts import Ledger
from fcx.local.api.listing import Stale
from fcx.local.api.stage import Stage
from fcx.local.faults import Faults, split
from fcx.local.process.engine import find_engine
from fcx.local.scheduler import Scheduler, SchedulerSettings
from fcx.local.site import SYSTEM, Site
from fcx.local.users import user_name


@dataclass
class Options:
    """What to serve. `port` 0 takes a free one; `root` None makes a temporary directory."""

    scheduler: str = "process"
    nodes: int = 1
    cpus_per_node: int = 8
    port: int = 0
    python: str | None = None
    root: str | None = None
    filesystems: list[str] = field(default_factory=list)
    engine: list[str] | None = None
    minute: float = 60.0
    kill_wait: float = 2.0
    max_part_size: int = 64 * 1024 * 1024
    faults: dict[str, Any] = field(default_factory=dict)


def new_scheduler(options: Options, settings: SchedulerSettings) -> Scheduler:
    """The back end that the options name."""
    if options.scheduler == "slurm":
        from fcx.local.slurm.backend import SlurmScheduler

        return SlurmScheduler(settings)
    from fcx.local.process.backend import ProcessScheduler

    return ProcessScheduler(settings)


async def serve(options: Options, ready: Callable[[dict[str, Any]], None]) -> None:
    """Serve until SIGINT or SIGTERM; `ready` gets what `_announcement` says."""
    os.umask(0o022)
    if sys.version_info < (3, 12):  # later ones do it by themselves: no thread for each child
        watcher = asyncio.PidfdChildWatcher()
        watcher.attach_loop(asyncio.get_running_loop())
        asyncio.set_child_watcher(watcher)
    with contextlib.ExitStack() as stack:
        root = options.root or stack.enter_context(tempfile.TemporaryDirectory(prefix="fcx-local-"))
        listener = stack.enter_context(_listen(options.port))
        site = _site(options, Path(root), listener.getsockname()[1])
        engine = find_engine(Path(root) / "images") if options.engine is None else options.engine
        site.scheduler.open_door(listener.getsockname()[1], site.desk_token, engine)
        await site.scheduler.start()
        try:
            await _run(site, listener, lambda: ready(_announcement(site)))
        finally:
            await site.forget_later()
            await site.scheduler.close()


def _listen(port: int) -> socket.socket:
    # With the protocol named, asyncio turns Nagle off: otherwise each answer waits 40 ms.
    listener = socket.socket(proto=socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(2048)
    return listener


def _site(options: Options, root: Path, port: int) -> Site:
    settings = SchedulerSettings(
        root=root,
        python=options.python or sys.executable,
        nodes=options.nodes,
        cpus_per_node=options.cpus_per_node,
        minute=options.minute,
        kill_wait=options.kill_wait,
    )
    home = os.path.expanduser("~")
    exposed = [*(options.filesystems or [home, tempfile.gettempdir(), "/tmp", "/home"]), str(root)]
    site = Site(
        scheduler=new_scheduler(options, settings),
        authority=Authority(
            f"fcx-local-{secrets.token_hex(4)}", secrets.token_urlsafe(24), user_name()
        ),
        root=root,
        url=f"http://127.0.0.1:{port}",
        control_token=secrets.token_urlsafe(24),
        desk_token=secrets.token_urlsafe(24),
        filesystems=tuple(dict.fromkeys(exposed)),
        faults=Faults(),
        ledger=Ledger(root / "submissions"),
        stale=Stale(),
        stage=Stage(root / "stage", f"http://127.0.0.1:{port}"),
        max_part_size=options.max_part_size,
        command_timeout=settings.command_timeout,
    )
    put_in_force(site, options.faults)
    return site


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


def _announcement(site: Site) -> dict[str, Any]:
    return {
        "env": {
            "FIRECREST_CLIENT_ID": site.authority.client_id,
            "FIRECREST_CLIENT_SECRET": site.authority.client_secret,
            "AUTH_TOKEN_URL": f"{site.url}/auth/token",
            "FIRECREST_URL": site.url,
            "FIRECREST_SYSTEM": SYSTEM,
            "FIRECREST_ACCOUNT": "staff",
        },
        "url": site.url,
        "root": str(site.root),
        "control": site.control_token,
        "pid": os.getpid(),
    }


async def _run(site: Site, listener: socket.socket, ready: Callable[[], None]) -> None:
    config = uvicorn.Config(
        create_app(site),
        log_config=None,
        log_level="critical",  # a crash on request is no news
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=1,
        timeout_keep_alive=60,
    )
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    serving = asyncio.ensure_future(server._serve([listener]))  # noqa: SLF001  # the public one takes the signals
    while not server.started and not serving.done():  # noqa: ASYNC110  # uvicorn has no event for it
        await asyncio.sleep(0.005)
    ready()
    waiting = asyncio.ensure_future(stop.wait())
    await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    server.should_exit = True
    await serving


def child() -> None:
    """Entry point of the child process that `cluster()` starts."""
    options = Options(**json.loads(sys.stdin.readline()))

    def ready(announcement: dict[str, Any]) -> None:
        asyncio.get_running_loop().add_reader(0, _stop_at_end_of_input)
        print(json.dumps(announcement), flush=True)  # noqa: T201  # the parent reads it

    asyncio.run(serve(options, ready))


def _stop_at_end_of_input() -> None:
    if not os.read(0, 4096):
        asyncio.get_running_loop().remove_reader(0)
        os.kill(os.getpid(), signal.SIGTERM)


def as_line(options: Options) -> bytes:
    """The line by which a child is told its options."""
    return json.dumps(asdict(options)).encode() + b"\n"
