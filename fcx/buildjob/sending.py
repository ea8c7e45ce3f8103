"""The build context on its way: one file, of which only that is sent that is not there."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from pathlib import Path

from ..errors import NoSuchPath, UsageError
from ..firecrest.files import Entry, Files
from ..image.context import Context
from ..parity.manifest import Sqsh
from ..ship.chunks import MOST_TEXT, Chunk, chunks_of, from_text, ranges, to_text
from ..ship.plan import Plan
from ..ship.progress import Progress
from ..ship.shelf import CHUNKS, ID, PARTS
from ..ship.upload import Requests, Sending

FIRST, TAR = "context-", ".tar"


class Parcel:
    """A context as a file of this machine's, and the folder that it goes to."""

    def __init__(self, source: Path, sha256: str, home: str, files: Files) -> None:
        self.plan = Plan.of(Sqsh(str(source), sha256), Requests.largest)
        self.chunks = 0  # bytes of the list of its chunks, where one was sent
        self.sent = 0
        self._home = home
        self._files = files

    @classmethod
    def pack(cls, context: Context, folder: Path, home: str, files: Files) -> Parcel:
        """The context as a tar archive in a folder of this machine's: the same bytes each time."""
        path = folder / "the build context"
        try:
            with path.open("w+b") as stream:
                context.write_tar(stream)
                digest = hashlib.sha256()
                for data in iter(lambda: stream.read(1 << 20), b""):
                    digest.update(data)
        except OSError as error:
            raise UsageError(
                f"The build context cannot be packed: {error}. Is there room in {folder} (TMPDIR "
                "names another place)?"
            ) from error
        return cls(path, digest.hexdigest(), home, files)

    @property
    def stem(self) -> str:
        """Of the file there."""
        return f"{FIRST}{self.plan.sha256[:ID]}"

    @property
    def parts(self) -> str:
        """The folder of its pieces."""
        return f"{self._home}/{self.plan.digest[:ID]}{PARTS}"

    async def send(self, entries: Mapping[str, Entry], progress: Progress) -> None:
        """Send what is missing, beside the ``entries`` of the folder that are to be relied on."""
        there = entries.get(self.stem + TAR)
        if there is not None and there.size == self.plan.size:
            progress.line("the build context is there already")
            return
        chunks = await asyncio.to_thread(chunks_of, self.plan.source)
        found = await self._earlier(entries)
        made = ranges(chunks, dict([found])) if found else ()
        packed = Sqsh(str(self.plan.source), self.plan.sha256)
        self.plan = Plan.of(packed, Requests.largest, made)
        await self._files.make_folder(self.parts)
        sending = Sending(self.plan, self.parts, self._files, Requests(self._files), progress)
        await sending.run(_needed)
        self.sent += sending.sent
        text = to_text(chunks).encode()
        if len(text) <= MOST_TEXT:
            await self._files.write(self.parts, "chunks", text)
            self.chunks = len(text)

    async def _earlier(self, entries: Mapping[str, Entry]) -> tuple[str, list[Chunk]] | None:
        """An earlier context with a list of its chunks: its file's name, and these."""
        for name, entry in sorted(entries.items()):
            stem = name.removesuffix(TAR)
            if not name.startswith(FIRST) or stem == name or stem + CHUNKS not in entries:
                continue
            try:
                text = await self._files.download(f"{self._home}/{stem}{CHUNKS}")
            except NoSuchPath:  # another job has tidied up
                continue
            if chunks := from_text(text, entry.size):
                return name, chunks
        return None


async def _needed() -> bool:
    return True
