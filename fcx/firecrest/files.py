"""Files on the cluster. Each method is one request unless it says otherwise."""

from __future__ import annotations

import contextlib
import posixpath
from dataclasses import dataclass

from ..errors import NoSuchPath, RequestRefused
from . import answers
from .answers import FileStat
from .retries import Requests

LARGE = 256 << 10  # bytes from which a file takes a place that leaves room for small requests


@dataclass(frozen=True)
class Entry:
    """One line of a directory listing; ``target`` of a symlink."""

    name: str
    size: int
    target: str = ""


class Files:
    """The file systems of one system, as the account sees them."""

    def __init__(self, requests: Requests, system: str, account: str) -> None:
        self._requests = requests
        self._system = system
        self._account = account

    async def list(self, path: str) -> dict[str, Entry]:
        """A directory's entries by name. Raises NoSuchPath."""
        found = await self._requests.make(
            f"list {path}",
            lambda api: api.list_files(self._system, path, show_hidden=True),
            answers.read_files,
        )
        text = answers.plain_text
        entries = [
            Entry(text(file.name), answers.read_size(file), text(file.link_target or ""))
            for file in found
        ]
        return {entry.name: entry for entry in entries}

    async def read_from(self, path: str, offset: int) -> bytes:
        """The bytes of an ASCII file from ``offset`` on. Raises NoSuchPath."""
        return await self._requests.make(
            f"read {path}",
            lambda api: api.tail(self._system, path, num_bytes=offset + 1, exclude_beginning=True),
            answers.read_text,
        )

    async def read_end(self, path: str, size: int) -> bytes:
        """The last ``size`` bytes of a text file. Raises NoSuchPath."""
        found = await self._requests.make(
            f"read {path}",
            lambda api: api.tail(self._system, path, num_bytes=size),
            answers.read_text,
        )
        return found[-size:]

    async def download(self, path: str) -> bytes:
        """The bytes of a file of up to 3.9 MB, in two requests. Raises NoSuchPath."""
        found = await self._requests.make(
            f"download {path}", lambda api: api.stat(self._system, path), answers.read_stat
        )
        return await self._content(path, found.size)

    async def part(self, path: str, size: int) -> bytes:
        """A file of known size, up to 3.9 MB, in one request. Raises NoSuchPath.

        Where something else comes, a request more tells whether it is what the file holds, and so
        is what there is, or a page that stands in its place.
        """
        content = await self._content(path, None)
        if len(content) == size or (await self.stat(path)).size != size:
            return content
        return await self._content(path, size)

    async def _content(self, path: str, size: int | None) -> bytes:
        return await self._requests.make(
            f"download {path}",
            lambda api: api.content(self._system, path),
            lambda content: answers.read_content(content, size),
            large=size is None or size >= LARGE,
        )

    async def stat(self, path: str) -> FileStat:
        """Mode, owner and size; of a symlink itself. Raises NoSuchPath."""
        return await self._requests.make(
            f"look at {path}", lambda api: api.stat(self._system, path), answers.read_stat
        )

    async def write(self, folder: str, name: str, data: bytes) -> None:
        """Upload a file of up to 5 MB, not empty; an existing one is overwritten. Not atomic."""
        await self._requests.make(
            f"write {posixpath.join(folder, name)}",
            lambda api: api.put(self._system, folder, name, data),
            answers.read_nothing,
            large=memoryview(data).nbytes >= LARGE,
        )

    async def make_folder(self, path: str, *, parents: bool = True) -> None:
        """Make a directory; with ``parents`` one that exists is fine."""
        await self._requests.make(
            f"make {path}",
            lambda api: api.mkdir(self._system, path, create_parents=parents),
            answers.read_nothing,
        )

    async def link(self, path: str, target: str) -> bool:
        """Make a symbolic link; False where something has that name already."""
        try:
            await self._requests.make(
                f"link {path}",
                lambda api: api.symlink(self._system, target, path),
                answers.read_nothing,
            )
        except RequestRefused as error:
            if "File exists" not in str(error):
                raise
            return False
        return True

    async def set_mode(self, path: str, mode: str) -> None:
        """chmod, with the mode as digits."""
        await self._requests.make(
            f"chmod {path}",
            lambda api: api.chmod(self._system, path, mode),
            answers.read_nothing,
        )

    async def remove(self, path: str) -> None:
        """Remove a file or a whole directory; one that is not there is fine.

        What takes the server longer than its 5 seconds is removed by a job of its own, later.
        """
        with contextlib.suppress(NoSuchPath):
            await self._requests.make(
                f"remove {path}",
                lambda api: api.rm(self._system, path, account=self._account, blocking=False),
                answers.read_nothing,
            )
