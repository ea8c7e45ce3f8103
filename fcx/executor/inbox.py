"""What goes to the run directory: bundles, secrets, orders; and back from it after attaching."""

from __future__ import annotations

import asyncio
import hashlib
import json
import posixpath

from ..errors import NoSuchPath
from ..protocol import rundir
from ..protocol.rundir import Bundle
from .state import RunState
from .tasks import Task

LARGEST_FILE = 5_000_000  # bytes of one upload: under the server's 5 MiB, with its form around it


class Inbox(RunState):
    """Writes to the run directory; nothing counts there before its digest is whole."""

    def _bundle(self, tasks: list[Task], pilot: str | None = None) -> Bundle:
        assert self.gate.guard is not None
        self._bundles += 1
        bundle = rundir.make_bundle(
            f"b{self._bundles:06d}",
            [task.item() for task in tasks],
            self.gate.guard,
            slots=self.settings.max_workers,
            pilot=pilot,
            seen=self.ledger.longest,
            key=self.key,
        )
        by_id = {task.id: task for task in tasks}
        for number, portion in enumerate(bundle.portions):
            for item in portion:
                by_id[item.task].bundle, by_id[item.task].portion = bundle.name, number
        return bundle

    async def _upload_bundle(self, bundle: Bundle) -> None:
        """Chunks side by side, the head last: without it the bundle is not there."""
        *chunks, head = bundle.files
        await asyncio.gather(*(self._upload("inbox", *chunk) for chunk in chunks))
        await self._upload("inbox", *head)

    async def _upload(self, folder: str, name: str, data: bytes) -> None:
        """Write a file; a large one in parts, whose index goes last: an agent joins them."""
        if len(data) <= LARGEST_FILE:
            await self._upload_file(folder, name, data)
            return
        parts = [data[at : at + LARGEST_FILE] for at in range(0, len(data), LARGEST_FILE)]
        numbered = (self._upload_file(folder, f"{name}.{n}", part) for n, part in enumerate(parts))
        await asyncio.gather(*numbered)
        index = {"parts": len(parts), "sha256": hashlib.sha256(data).hexdigest()}
        await self._upload_file(folder, f"{name}.parts", json.dumps(index).encode("ascii"))

    async def _upload_file(self, folder: str, name: str, data: bytes) -> None:
        try:
            await self.client.files.write(posixpath.join(self.directory, folder), name, data)
        except NoSuchPath as error:
            raise self._run_lost() from error
        self._pace.spend(1)

    async def _make_run_directory(self) -> None:
        """Before anything is uploaded: private first (what the API makes is 0755), then folders."""
        if self._landed or self._made:
            return
        await self.client.files.make_folder(self.directory)
        await self.client.files.set_mode(self.directory, "700")
        for folder in "inbox", "modules":
            await self.client.files.make_folder(posixpath.join(self.directory, folder))
        await self._upload_initializer()
        self._made = True

    async def _upload_initializer(self) -> None:
        """What only goes to a place that has passed, like the key and the payloads in bundles."""
        if self.settings.initializer and not self._made:
            await self._upload("", "initializer", self.settings.initializer)

    async def _recall_payloads(self, tasks: list[Task]) -> None:
        """After attaching, payloads are only in the bundles over there."""
        wanted = {task.id: task for task in tasks if not task.payload}
        for bundle in await self.read_bundles():
            for item in (item for portion in bundle.portions for item in portion):
                if item.task in wanted:
                    task = wanted.pop(item.task)
                    task.payload, task.function = item.payload, item.function
                    task.walltime, task.modules = item.walltime, item.modules
        if wanted:
            raise self._run_lost()

    async def read_bundles(self) -> list[Bundle]:
        """The bundles that lie in the inbox."""
        inbox = posixpath.join(self.directory, "inbox")
        try:
            names = sorted(
                n for n in await self.client.files.list(inbox) if n[0] == "b" and "." not in n
            )
        except NoSuchPath:
            raise self._run_lost() from None
        found = []
        for name in names:
            head = await self.client.files.download(posixpath.join(inbox, name))
            more = range(1, rundir.bundle_chunks(head))
            rest = [
                await self.client.files.download(posixpath.join(inbox, f"{name}.{number}"))
                for number in more
            ]
            found.append(rundir.read_bundle(name, [head, *rest]))
        return found

    async def _order_cancel(self) -> None:
        if not (self._landed or self._made):
            return  # it rides in a script: the agents will hear of it once there is an inbox
        names, self._cancels = self._cancels, []
        self._orders += 1
        await self._upload("inbox", f"o{self._orders:06d}", rundir.order({"cancel": names}))
