"""Images on a system, for whoever is not in an event loop: bring one, list them, remove some."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from ..config import Credentials
from ..firecrest.client import Client
from ..firecrest.loop import LoopThread
from ..jobscript.options import Options
from ..parity.manifest import Manifest, Shipped, Sqsh
from . import cleaning, compare
from .cleaning import Lying
from .delivery import Changed, Delivered, Delivery
from .progress import Progress
from .shelf import Slot

T = TypeVar("T")


def bring(
    credentials: Credentials,
    slot: Slot,
    manifest: Manifest,
    options: Options,
    packed: Callable[[bool], Sqsh],
    progress: Progress,
) -> Delivered:
    """Have the image at its place.

    ``packed`` is asked for its file only if it is not there; with True where the file that it gave
    first has changed since it was packed. Raises NotShipped.
    """

    async def work(client: Client) -> Delivered:
        delivery = Delivery(client, slot, progress)
        found = await delivery.find()
        if found is not None:
            return Delivered(found)
        try:
            return await delivery.run(await asyncio.to_thread(packed, False), manifest, options)
        except Changed:
            return await delivery.run(await asyncio.to_thread(packed, True), manifest, options)

    return with_client(credentials.charging(options.account), work)


def difference(client: Client, shipped: Shipped, manifest: Manifest) -> str:
    """What is wrong with what was shipped; empty if nothing is. The client is closed."""
    return _closing(client, lambda client: compare.difference(client.files, shipped, manifest))


def lying(credentials: Credentials, folder: str) -> list[Lying]:
    """What fcx has brought to a folder, and what is on its way there."""
    return with_client(credentials, lambda client: cleaning.lying(client, folder))


def remove(credentials: Credentials, folder: str, chosen: Sequence[Lying]) -> None:
    """Remove some of that."""
    with_client(credentials, lambda client: cleaning.remove(client.files, folder, chosen))


def with_client(credentials: Credentials, work: Callable[[Client], Awaitable[T]]) -> T:
    """What a piece of work comes to, done with a client that is closed at its end."""
    return _closing(Client(credentials), work)


def _closing(client: Client, work: Callable[[Client], Awaitable[T]]) -> T:
    async def run() -> T:
        try:
            return await work(client)
        finally:
            await client.close()

    return LoopThread.shared().run(run())
