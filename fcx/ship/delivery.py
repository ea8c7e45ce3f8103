"""Bring a packed image to its place on a system, whatever an earlier try has left there.

::

    there, and ours ──────────────────────────────> nothing to do (two requests)
    not there ──> send what is missing ──> a job joins, verifies, gives the name ──> there, and ours
                       └── broken off: the pieces stay, and the next one goes on ──┘
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

from ..errors import NoSuchPath, NotShipped, RequestRefused
from ..firecrest.client import Client
from ..firecrest.files import Entry
from ..jobscript.options import Options
from ..parity.manifest import Manifest, Sqsh
from . import joining
from .chunks import MOST_TEXT, Chunk, chunks_of, ranges, to_text
from .earlier import earlier
from .mark import Mark
from .plan import Plan
from .progress import Progress
from .script import DAMAGED, FOREIGN, FULL, INCOMPLETE, script
from .shelf import IMAGE, MARK, Slot
from .upload import Requests, Sending, Way

ROUNDS = 5  # times that pieces are sent and joined: some may be lost or spoiled on their way
LAG, LOOKS = 1.0, 10  # seconds between looks for what a job has made, on a shared file system
KEPT = "What was sent is kept: `fcx image ship` goes on with it."


class Changed(Exception):
    """The packed file is not what it was when it was packed."""


@dataclass(frozen=True)
class Delivered:
    """What lies there now, and how many bytes of it were sent for that."""

    mark: Mark
    sent: int = 0


Chunks: TypeAlias = "asyncio.Future[list[Chunk]]"
"""What the file consists of, found out while it is sent."""


class Delivery:
    """Of one image to its slot."""

    def __init__(
        self, client: Client, slot: Slot, progress: Progress, way: Way | None = None
    ) -> None:
        self._client = client
        self._files = client.files
        self._slot = slot
        self._progress = progress
        self._way = way or Requests(client.files)
        self._entries: dict[str, Entry] = {}  # of the folder, as it was last seen
        self._unmarked: Entry | None = None  # a file under the name, with nothing that says whose
        self._sent = 0
        self._parts = ""  # the folder of pieces that we have made last

    async def find(self) -> Mark | None:
        """The mark of the image, if that is there already. Raises NotShipped for another file."""
        self._entries = entries = await self._listed()
        image, mark = entries.get(self._slot.stem + IMAGE), self._slot.stem + MARK
        self._unmarked = image if mark not in entries else None
        if image is None or mark not in entries:
            return None
        text = await self._files.read_from(self._slot.mark, 0)
        found = Mark.from_json(text, self._slot.mark)
        if found is None or (found.build_id, found.size) != (self._slot.build_id, image.size):
            short = found is not None and found.size != image.size
            how = "Remove both: `fcx image clean`" if short else "Remove both on the cluster"
            raise NotShipped(
                f"{self._slot.image} is not what {self._slot.mark} says of it, so nothing was "
                f"touched. {how}, and run `fcx image ship` again."
            )
        return found

    async def _listed(self) -> dict[str, Entry]:
        try:
            return await self._files.list(self._slot.folder)
        except NoSuchPath:
            return {}

    async def run(self, packed: Sqsh, manifest: Manifest, options: Options) -> Delivered:
        """Bring it there. Raises Changed, NotShipped, and what the API refuses."""
        whole = Plan.of(packed, self._way.largest)
        mark = Mark.of(manifest, whole)
        chunks = asyncio.ensure_future(asyncio.to_thread(chunks_of, whole.source))
        try:
            return await self._run(packed, whole, mark, options, chunks)
        finally:
            await asyncio.gather(chunks, return_exceptions=True)

    async def _run(
        self, packed: Sqsh, whole: Plan, mark: Mark, options: Options, chunks: Chunks
    ) -> Delivered:
        ended: joining.Ended | None = None
        with self._explained():
            for _ in range(ROUNDS):
                found = await self.find()
                if found is not None:
                    if self._parts:  # somebody was quicker, and may not have seen our pieces
                        await self._files.remove(self._parts)
                    return Delivered(found, self._sent)
                plan = whole
                if ended is None:  # what an earlier image was may have misled us
                    plan = await self._planned(packed, whole, mark.name, chunks)
                size = await self._send(plan, chunks)
                if size is None:
                    continue
                ended = await self._joined(plan, script(self._slot, plan, mark, options, size))
                if ended.code == 0:
                    return Delivered(await self._made(), self._sent)
                if ended.code == DAMAGED:
                    if not await asyncio.to_thread(whole.holds):
                        raise Changed
                    await self._weed(plan, ended.job)
                elif ended.code != INCOMPLETE:
                    break
                self._progress.line(f"job {ended.job}: {ended.said}; sending what is missing")
        raise self._failed(whole, ended)

    async def _planned(self, packed: Sqsh, whole: Plan, name: str, chunks: Chunks) -> Plan:
        """How it is sent: without what images that lie there have, if there are any."""
        if self._unmarked is not None:
            return whole
        known = await earlier(self._files, self._slot, name, self._entries)
        if not known:
            return whole
        self._progress.step(f"Comparing with {', '.join(known)}")
        made = await asyncio.to_thread(ranges, await chunks, known)
        return Plan.of(packed, self._way.largest, made) if made else whole

    async def _joined(self, plan: Plan, text: str) -> joining.Ended:
        folder, parts = self._slot.folder, self._slot.parts(plan.digest)
        return await joining.run(self._client, folder, parts, text, self._progress)

    async def _send(self, plan: Plan, chunks: Chunks) -> int | None:
        """What is missing, and the list of the chunks: its length.

        None where the folder of the pieces has gone meanwhile. A file of that very size and name
        may be the image, unmarked: then a job looks at it before anything is sent.
        """
        if self._unmarked is not None:
            if self._unmarked.size != plan.size:
                raise NotShipped(self._taken())
            return 0
        self._parts = parts = self._slot.parts(plan.digest)
        await self._files.make_folder(parts)
        self._progress.step(f"Sending {plan.source.name} to {self._slot.image}")
        sending = Sending(plan, parts, self._files, self._way, self._progress)
        try:
            await sending.run(self._needed)
            text = to_text(await chunks).encode()
            if len(text) > MOST_TEXT:
                return 0
            await self._files.write(parts, "chunks", text)
        except NoSuchPath:
            return None
        finally:
            self._sent += sending.sent
        return len(text)

    async def _weed(self, plan: Plan, job: str) -> None:
        """Remove what was spoiled on its way, by the digests that the job has left."""
        parts = self._slot.parts(plan.digest)
        sums = await self._files.read_from(f"{parts}/sums.{job}", 0)
        spoiled = await asyncio.to_thread(plan.spoiled, sums.decode("utf-8", "replace"))
        await asyncio.gather(*(self._files.remove(f"{parts}/{name}") for name in spoiled))

    async def _needed(self) -> bool:
        """Whether nobody else has brought it there meanwhile."""
        return self._slot.stem + IMAGE not in await self._listed()

    async def _made(self) -> Mark:
        """The mark that a job has made; other nodes may see it some seconds later."""
        for _ in range(LOOKS):
            found = await self.find()
            if found is not None:
                return found
            await asyncio.sleep(LAG)
        raise NotShipped(
            f"A job has brought the image to {self._slot.image}, where the server does not see it: "
            "are they of one file system? Name another folder with --to."
        )

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """What the API refuses, with what can be done about it."""
        try:
            yield
        except RequestRefused as error:
            raise NotShipped(
                f"{str(error).rstrip('.')}. `fcx image clean` removes shipped images that are no "
                f"longer used; --to, or `ship_to` under [image] in fcx.toml, names another folder. "
                f"{KEPT}"
            ) from None

    def _taken(self) -> str:
        return (
            f"{self._slot.image} is there, and is not this image: it was left alone. Move it away, "
            "or name another folder with --to."
        )

    def _failed(self, plan: Plan, ended: joining.Ended | None) -> NotShipped:
        """Why it could not be joined, and what to do."""
        if ended is None or ended.code in {INCOMPLETE, DAMAGED}:
            said = f" ({ended.said})" if ended and ended.said else ""
            return NotShipped(
                f"Pieces of {plan.source} did not stay, or did not arrive as they were sent"
                f"{said}, {ROUNDS} times. Does something clean up {self._slot.folder}? Then run "
                "`fcx image ship` again."
            )
        if ended.code == FOREIGN:
            return NotShipped(self._taken())
        if ended.code == FULL:
            return NotShipped(
                f"No room in {self._slot.folder}, or over quota: job {ended.job} could not join "
                "the image, which takes its size twice for a moment. `fcx image clean` removes "
                f"images that are no longer used; --to names another folder. {KEPT}"
            )
        said = f": {ended.said}" if ended.said else ""
        how = ended.state if ended.code is None else f"{ended.state}, exit code {ended.code}"
        return NotShipped(
            f"Job {ended.job} ended ({how}) before the image was joined{said}. {KEPT} More time: "
            "--sbatch=--time=01:00:00."
        )
