"""The run directory: what is written there, listed and read."""

from __future__ import annotations

import asyncio
import contextlib
import posixpath

from ...errors import NoSuchPath
from ...protocol import keys, layout, names, packing
from ..core.actions import (
    Fetch,
    ListFolder,
    ListLinks,
    MakeDirectory,
    ReadLog,
    RemoveDirectory,
    Reopen,
    UploadArchive,
    UploadBundle,
    UploadConfig,
    UploadInitializer,
    UploadOrder,
    WriteClosed,
)
from ..core.events import AnyEvent, Done, Fetched, FilesListed, LinksListed, LogRead, Uploaded
from ..wire import Stretch, read
from .context import Context
from .external import ExternalTransfers
from .folders import Folders
from .keeping import Keeping
from .parts import OutcomeParts
from .shared import ObjectFiles
from .table import Table

OFF_LOOP = 64 << 10  # bytes from which decoding is done beside the loop
MOST_WAITING = 256 << 20  # bytes of outcomes that may wait to be loaded before more are fetched


class FileEffects:
    """Reads and writes the run directory, through the door."""

    def __init__(self, context: Context, keeping: Keeping) -> None:
        self.context = context
        self.keeping = keeping
        self.files = context.client.files
        self.folders = Folders(context)
        self.objects = ObjectFiles(self.folders)
        self.parts = OutcomeParts(context)
        self.external = ExternalTransfers(context)
        self._pilots: dict[str, bytes] = {}  # keys, by name
        self._logs: dict[str, bytes] = {}  # keys, by agent
        self.table: Table = {
            MakeDirectory: self.make,
            UploadInitializer: self.initializer,
            UploadArchive: self.archive,
            UploadBundle: self.bundle,
            UploadConfig: self.config,
            UploadOrder: self.order,
            ListFolder: self.folder,
            ListLinks: self.links,
            ReadLog: self.log,
            Fetch: self.fetch,
            WriteClosed: self.close,
            Reopen: self.reopen,
            RemoveDirectory: self.remove,
        }

    # -- writing ----------------------------------------------------------------------------

    async def make(self, action: MakeDirectory) -> AnyEvent:
        """Private before anything lies in it: what the API makes is 0755."""
        place = self.context.place
        await self.context.home.check(place.base)
        await self.files.make_folder(place.path("inbox"))  # and itself
        await self.files.set_mode(place.directory, "700")
        return Done(action.id)

    async def initializer(self, action: UploadInitializer) -> AnyEvent:
        """What workers run first."""
        await self._write("", names.INITIALIZER, self.context.settings.initializer)
        return Done(action.id)

    async def archive(self, action: UploadArchive) -> AnyEvent:
        """Modules of the user's own, or an object that tasks share."""
        content, parts = self.context.store.objects.get(action.archive), None
        if content is None:
            data = self.context.store.payloads.archive(action.archive)
            await self._write("modules", action.archive, data)
            return Uploaded(action.id)
        if action.external is not None:
            await self.folders.make("objects")
            parts = await self.external.send(content, action.external)
        if action.external is None or parts is not None:
            await self.objects.upload(content)
        self.context.store.objects.sent(content.name)
        return Uploaded(action.id, parts)

    async def bundle(self, action: UploadBundle) -> AnyEvent:
        """Chunks side by side, the head last: without it the bundle is not there."""
        *chunks, head = self.context.store.bundles[action.bundle].files
        await asyncio.gather(*(self.folders.write("inbox", *chunk) for chunk in chunks))
        await self.folders.write("inbox", *head)
        return Done(action.id)

    async def config(self, action: UploadConfig) -> AnyEvent:
        """What a pilot's agents are told."""
        kit, directory = self.context.kits[action.shape], self.context.place.directory
        guard, look = kit.gate.guard if action.open else None, kit.gate.look
        config = kit.scripts.config(directory, action.pilot, action.workers, guard, look=look)
        await self.folders.write("pilots", layout.pilot_config(action.pilot), config.encode())
        return Done(action.id)

    async def order(self, action: UploadOrder) -> AnyEvent:
        """Tasks that nobody wants any more."""
        data = packing.encode_order({"cancel": list(action.cancel)}, self.context.inbox_key)
        await self.folders.write("inbox", layout.order(action.number), data)
        return Done(action.id)

    async def _write(self, folder: str, name: str, data: bytes) -> None:
        """A file; a large one in parts side by side, whose index goes last."""
        *pieces, last = layout.split(name, data)
        await asyncio.gather(*(self.folders.write(folder, *piece) for piece in pieces))
        await self.folders.write(folder, *last)

    # -- listing ----------------------------------------------------------------------------

    async def folder(self, action: ListFolder) -> AnyEvent:
        """Names and sizes."""
        entries = await self.files.list(self.context.place.path(action.folder))
        sizes = tuple(sorted((name, entry.size) for name, entry in entries.items()))
        return FilesListed(action.id, sizes)

    async def links(self, action: ListLinks) -> AnyEvent:
        """Symbolic links and their targets."""
        entries = await self.files.list(self.context.place.path(action.folder))
        links = sorted((name, entry.target) for name, entry in entries.items() if entry.target)
        return LinksListed(action.id, tuple(links))

    # -- reading ----------------------------------------------------------------------------

    async def log(self, action: ReadLog) -> AnyEvent:
        """Records of an agent's log: the bytes of outcomes are kept, the core gets the rest."""
        path = self.context.place.path("logs", f"{action.log}.{action.segment}")
        data = await self.files.read_from(path, action.offset)
        if len(data) > OFF_LOOP:
            stretch = await asyncio.to_thread(self._decode, action, data)
        else:
            stretch = self._decode(action, data)
        records = self.keeping.keep(action.log, stretch)
        return LogRead(action.id, records, stretch.used, stretch.spoilt)

    def _decode(self, action: ReadLog, data: bytes) -> Stretch:
        return self.decoded(action.log, data, skip=action.skip)

    def decoded(self, log: str, data: bytes, *, skip: bool = False) -> Stretch:
        """By the key of the log's pilot: the one that fits, where that is not known yet."""
        known = self._logs.get(log)
        if known is not None:
            return read(data, known, skip=skip)
        best = Stretch([], 0, spoilt=False)
        for key in list(self._pilots.values()):
            found = read(data, key)
            if found.used:
                self._logs[log] = key
                return found
            best = Stretch([], 0, spoilt=best.spoilt or found.spoilt)
        return best

    def expect_pilot(self, pilot: str) -> None:
        """A pilot whose agents may write logs."""
        self._pilots[pilot] = keys.pilot_key(self.context.identity.key, pilot)

    async def fetch(self, action: Fetch) -> AnyEvent:
        """The parts of an outcome, side by side; first those that wait are let go of."""
        task, attempt, parts = action.task, action.attempt, None
        outcome = self.context.store.outcomes[task, attempt]
        await self.keeping.room(outcome.size, MOST_WAITING)
        if action.external is not None:
            parts = await self.external.bring(task, attempt, outcome, action.external)
        return Fetched(action.id, await self.parts.bring(task, attempt, outcome), parts)

    # -- the end ----------------------------------------------------------------------------

    async def close(self, action: WriteClosed) -> AnyEvent:
        """Agents and jobs that start late find this word."""
        word = {"keep": names.KEEP, "remove": names.REMOVE}[action.word]
        await self.folders.write("inbox", names.CLOSED, word)
        return Done(action.id)

    async def reopen(self, action: Reopen) -> AnyEvent:
        """Agents and jobs that start late serve again."""
        await self.files.remove(self.context.place.path("inbox", names.CLOSED))
        return Done(action.id)

    async def remove(self, action: RemoveDirectory) -> AnyEvent:
        """All of it; one that is not there is fine."""
        with contextlib.suppress(NoSuchPath):
            await self.files.remove(posixpath.normpath(self.context.place.directory))
        return Done(action.id)
