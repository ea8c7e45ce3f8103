"""Have an image built by a job: the context goes up, the log is followed, the manifest comes back.

::

    context ──> pieces (only what is not there) ──> a job: podman build, probe, enroot import
                                                      │ log, line by line       ──> progress
    manifest <── what the probe found in the image <──┘ .sqsh under its name, with its mark

Who leaves meanwhile leaves the job: the next call for the same source goes on with it, or takes
what it has made. Any number may follow one job, and each reads its answer: that stays until a later
build tidies up. Only whoever had it built, or came after its end, removes the note that names it.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..config import Credentials
from ..errors import ImageRefused, NoSuchPath, NotShipped, RequestRefused
from ..firecrest.client import Client
from ..firecrest.files import Entry
from ..image.importable import import_warnings
from ..jobscript.options import Options
from ..parity.manifest import Manifest, Source
from ..ship.bring import with_client
from ..ship.progress import Progress
from ..ship.script import DAMAGED, INCOMPLETE
from ..ship.shelf import IMAGE
from ..ship.waiting import ended
from .answer import Answer
from .failure import Failed
from .log import Log
from .order import Order
from .script import script
from .sending import Parcel

ROUNDS = 3  # times that the context is sent, where what is there is not what it should be
AGAIN = "the same command"
NOTE = re.compile(r"([0-9]+) ([0-9a-f]{64})\n")


@dataclass(frozen=True)
class Made:
    """What came of it: the manifest, what is to be said, the bytes that were sent."""

    manifest: Manifest
    warnings: tuple[str, ...]
    sent: int


def build(
    credentials: Credentials,
    order: Order,
    options: Options,
    source: Source,
    system: str,
    progress: Progress,
) -> Made:
    """Have it built and brought to its place. Raises an FcxError that says what was amiss."""

    async def work(client: Client) -> Made:
        return await _Building(client, order, options, progress).run(source, system)

    return with_client(credentials.charging(options.account), work)


@dataclass(frozen=True)
class Note:
    """Who builds a source now, as a file for the next call."""

    job: str
    build_id: str

    def text(self) -> bytes:
        """The file."""
        return f"{self.job} {self.build_id}\n".encode()

    @classmethod
    def read(cls, data: bytes) -> Note | None:
        """None for anything else."""
        found = NOTE.fullmatch(data.decode("ascii", "replace"))
        return cls(found[1], found[2]) if found else None


class _Building:
    """One build, from the context to the answer."""

    def __init__(self, client: Client, order: Order, options: Options, progress: Progress) -> None:
        self._client = client
        self._files = client.files
        self._order = order
        self._options = options
        self._progress = progress
        self._sent = 0
        self._follows = False  # a job that another caller waits for as well, perhaps

    async def run(self, source: Source, system: str) -> Made:
        try:
            answer = await self._answer()
        except RequestRefused as error:
            raise NotShipped(
                f"{str(error).rstrip('.')}. --to, or `ship_to` under [image] in fcx.toml, names "
                "another folder."
            ) from None
        try:
            manifest = answer.manifest(self._order, source, system)
            warnings = tuple(import_warnings(answer.failing))
        except ImageRefused:  # nobody is to find it there and take it for good
            for path in (self._order.slot.image, self._order.slot.mark):
                await self._files.remove(path)
            raise
        finally:
            if not self._follows:
                await self._files.remove(f"{self._order.home}/{self._order.note}")
        return Made(manifest, warnings, self._sent)

    async def _answer(self) -> Answer:
        """What a job has found: one that is under way, or was when its caller left, or ours."""
        entries, ours = await self._listed(), self._order
        if await self._begun(entries):
            with suppress(NoSuchPath):  # somebody has cleaned up: then it is built once more
                return await self._read()
            self._order, self._follows = ours, False
        await self._build(entries)
        return await self._read()

    async def _read(self) -> Answer:
        where = f"{self._order.made}/answer"
        return Answer.of(await self._files.download(where), where)

    async def _listed(self) -> Mapping[str, Entry]:
        try:
            return await self._files.list(self._order.home)
        except NoSuchPath:
            return {}

    async def _begun(self, entries: Mapping[str, Entry]) -> bool:
        """Whether another call has begun this very build, and its job has done it, or does now."""
        request = self._order.plan.request
        if self._order.note not in entries or request.no_cache or request.pull:
            return False
        try:
            text = await self._files.read_from(f"{self._order.home}/{self._order.note}", 0)
        except NoSuchPath:
            return False
        note = Note.read(text)
        return note is not None and await self._taken_over(note)

    async def _taken_over(self, note: Note) -> bool:
        """Whether its job has made the image, or does when it has been followed to its end."""
        job, known = note.job, self._order.known_as(note.build_id)
        state = await self._client.jobs.ask(job)
        if state is not None and not state.terminal:
            self._order, self._follows = known, True
            self._progress.step(f"Following job {job}, which builds this already")
            failed = await self._followed(job)
            if failed is not None:
                raise failed.error()
            return True
        try:
            there = await self._files.list(known.made)
            images = await self._files.list(known.folder)
        except NoSuchPath:
            return False
        if "answer" not in there or known.slot.stem + IMAGE not in images:
            return False
        self._order = known
        self._progress.line(f"job {job} of an earlier call has built this")
        return True

    async def _build(self, entries: Mapping[str, Entry]) -> None:
        """Send the context and have it built."""
        order = self._order
        with tempfile.TemporaryDirectory(prefix="fcx-context-") as scratch:
            parcel = await asyncio.to_thread(
                Parcel.pack, order.plan.context, Path(scratch), order.home, self._files
            )
            for attempt in range(ROUNDS):
                self._progress.step(f"Sending the build context to {order.home}")
                await parcel.send(entries, self._progress)
                self._sent = parcel.sent
                failed = await self._submitted(parcel)
                if failed is None:
                    return
                if failed.code not in (INCOMPLETE, DAMAGED) or attempt == ROUNDS - 1:
                    raise failed.error()
                entries = {}  # what seemed to be there has not been of use

    async def _submitted(self, parcel: Parcel) -> Failed | None:
        """A job of ours, and why it failed if it did."""
        order = self._order
        await self._files.make_folder(order.made)
        text = script(order, parcel, self._options)
        job = (await self._client.jobs.submit(order.folder, text)).job
        note = Note(job, order.identity.build_id)
        await self._files.write(order.home, order.note, note.text())
        self._progress.step(f"Building in job {job}: `scancel {job}` on the cluster ends it")
        return await self._followed(job)

    async def _followed(self, job: str) -> Failed | None:
        """Tell of its log until it ends, and why it failed if it did."""
        log = Log(self._progress)

        async def look() -> None:
            with suppress(RequestRefused):  # it has said nothing yet; or is read at the next look
                log.feed(await self._files.read_from(f"{self._order.made}/log", log.read))

        state = await ended(self._client, job, self._progress, AGAIN, look)
        await look()
        log.close()
        return None if state.state == "COMPLETED" else Failed(self._order, state, log)
