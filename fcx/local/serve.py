"""Serve a cluster until the process is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn

from .api.app import create_app
from .api.site import Site
from .assembly import announcement, assemble
from .options import Options
from .process.engine import find_engine


async def serve(options: Options, ready: Callable[[dict[str, Any]], None]) -> None:
    """Serve until SIGINT or SIGTERM; `ready` gets what assembly.py announces."""
    os.umask(0o022)
    if sys.version_info < (3, 12):  # later ones do it by themselves: no thread for each child
        watcher = asyncio.PidfdChildWatcher()
        watcher.attach_loop(asyncio.get_running_loop())
        asyncio.set_child_watcher(watcher)
    with contextlib.ExitStack() as stack:
        root = options.root or stack.enter_context(tempfile.TemporaryDirectory(prefix="fcx-local-"))
        listener = stack.enter_context(_listen(options.port))
        port = listener.getsockname()[1]
        site = assemble(options, Path(root), port)
        engine = find_engine(Path(root) / "images") if options.engine is None else options.engine
        site.scheduler.announce(port, site.secrets.controller, engine)
        await site.scheduler.start()
        try:
            await _run(site, listener, lambda: ready(announcement(site)))
        finally:
            await site.later.drop()
            await site.scheduler.close()


def _listen(port: int) -> socket.socket:
    # With the protocol named, asyncio turns Nagle off: otherwise each answer waits 40 ms.
    listener = socket.socket(proto=socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(2048)
    return listener


async def _run(site: Site, listener: socket.socket, ready: Callable[[], None]) -> None:
    config = uvicorn.Config(
        create_app(site),
        log_config=None,
        log_level="critical",  # a crash on request is no news
        access_log=False,
        date_header=False,  # the application's own, which may be wrong on request
        lifespan="off",
        timeout_graceful_shutdown=1,
        timeout_keep_alive=60,
    )
    server = uvicorn.Server(config)
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
