"""What lies in the inbox of a run that another process began, and whether our key fits it.

A bundle does not change once it is whole: each is fetched once, however often the inbox is read.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from typing import NamedTuple

from ...errors import NoSuchPath, UsageError
from ...payload.requirements import Relied
from ...protocol import bundle as bundles
from ...protocol import layout, names, packing
from ...protocol.config import Config
from ..core.actions import ReadInbox
from ..core.events import AnyEvent, InboxRead, TaskInfo
from ..kits import Kit
from ..shapes import reshaped_before
from .context import Context

PILOT = re.compile("[0-9A-Za-z-]+")  # what else lies in locks/ is no pilot's


class Sent(NamedTuple):
    """One bundle: its tasks with their portions and attempts, and the only pilot that may claim."""

    tasks: tuple[tuple[TaskInfo, str, int], ...]
    attempts: tuple[int, ...]
    pilot: str | None
    shape: int = 0


class SentTasks:
    """Reads the inbox."""

    def __init__(self, context: Context, expect_pilot: Callable[[str], None]) -> None:
        self.context = context
        self.files = context.client.files
        self.expect_pilot = expect_pilot
        self._known: dict[str, Sent] = {}
        self._told = 0  # shapes that the core has heard of

    async def read(self, action: ReadInbox) -> AnyEvent:
        """The bundles that lie there, with all their tasks; what was called back."""
        path = self.context.place.path("inbox")
        entries = await self.files.list(path)
        found = await self._bundles(sorted(name for name in entries if names.is_bundle(name)))
        await self.pilots()
        last = max(map(names.number_of, entries), default=0)
        before, self._told = self._told, len(self.context.kits)
        cancelled = await self._cancelled(path, [name for name in entries if names.is_order(name)])
        return InboxRead(
            action.id,
            tuple(task for sent in found.values() for task in sent.tasks),
            tuple(cancelled),
            last,
            tuple((name, sent.pilot) for name, sent in found.items() if sent.pilot),
            tuple(attempt for sent in found.values() for attempt in sent.attempts),
            names.CLOSED in entries,
            tuple(map(self.context.kits.shaped, list(self.context.kits)[max(1, before) :])),
        )

    async def tasks(self) -> list[tuple[TaskInfo, int]]:
        """Tasks that were sent, with their attempts. Raises UsageError where the key is wrong."""
        try:
            entries = await self.files.list(self.context.place.path("inbox"))
        except NoSuchPath:
            return []
        heads = sorted(name for name in entries if names.is_bundle(name))
        if not heads:
            await self._check_pilots()
        found = await self._bundles(heads)
        return [
            (task[0], attempt)
            for sent in found.values()
            for task, attempt in zip(sent.tasks, sent.attempts, strict=True)
        ]

    async def pilots(self) -> list[tuple[str, str]]:
        """(name, job) of the pilots that have begun: each has a lock."""
        try:
            entries = await self.files.list(self.context.place.path("locks"))
        except NoSuchPath:
            return []
        links = [(name, entry.target) for name, entry in sorted(entries.items()) if entry.target]
        found = [(name, target) for name, target in links if PILOT.fullmatch(name)]
        for name, _ in found:
            self.expect_pilot(name)  # its agents sign with a key of its own
        return found

    async def _bundles(self, heads: list[str]) -> dict[str, Sent]:
        foreign = 0
        for name in heads:
            if name not in self._known:
                foreign += not await self._read_bundle(name)
        if foreign and not self._known:
            raise self._wrong_key()
        return {name: self._known[name] for name in heads if name in self._known}

    async def _read_bundle(self, name: str) -> bool:
        """Take a bundle in; False for one that is whole and not ours. Half a one does not count."""
        key, path = self.context.inbox_key, self.context.place.path("inbox", name)
        head = await self.files.download(path)
        try:
            known, _ = bundles.read_head(head, key)
            rest = range(1, len(known.chunks))
            chunks = [await self.files.download(names.chunk(path, index)) for index in rest]
            bundle = packing.decode(name, [head, *chunks], key)
        except NoSuchPath:
            return True
        except ValueError:
            return b"\n" not in head[: bundles.LARGEST_HEAD]
        self._take_in(bundle, known, head)
        return True

    def _take_in(self, bundle: packing.Bundle, head: bundles.Head, first: bytes) -> None:
        known, recall = self.context.requirements, self.context.store.payloads.recall
        sets = [Relied({name: tuple(each) for name, each in one.items()}) for one in head.relied]
        numbers = [0, *(known.number(each) for each in sets)]
        kit = self._kit(first)
        placed = [(at, item) for at, portion in enumerate(bundle.portions) for item in portion]
        self._known[bundle.name] = Sent(
            tuple(
                (recall(item, numbers[item.relied], kit.shape), bundle.name, at)
                for at, item in placed
            ),
            tuple(item.attempt for _, item in placed),
            head.pilot if head.pilot != kit.mark else None,
            kit.shape,
        )

    def _kit(self, first: bytes) -> Kit:
        """Of a bundle: made of what its head says, where no journal of this machine did."""
        record, kits = packing.shape_of(first), self.context.kits
        if record is None:
            return kits[0]
        return kits.take(*reshaped_before(self.context.settings, record), again=True)

    async def shapes(self, pilots: list[str]) -> dict[str, int]:
        """Of these pilots, by what their agents were told, where that is not the executor's own."""
        marks = {kit.mark: kit.shape for kit in self.context.kits}
        if len(marks) == 1:
            return {}
        found = {}
        for pilot in pilots:
            path = self.context.place.path("pilots", layout.pilot_config(pilot))
            with contextlib.suppress(ValueError, NoSuchPath):
                config = Config.decode(await self.files.download(path))
                found[pilot] = marks.get(config.shape, 0)
        return {pilot: shape for pilot, shape in found.items() if shape}

    async def _check_pilots(self) -> None:
        """Without a bundle, a pilot's configuration tells whether the key fits."""
        try:
            path = self.context.place.path("pilots")
            entries = await self.files.list(path)
        except NoSuchPath:
            return
        for name in sorted(entries)[:1]:
            try:
                config = Config.decode(await self.files.download(f"{path}/{name}"))
            except (ValueError, NoSuchPath):
                return
            if config.inbox_key != self.context.inbox_key:
                raise self._wrong_key()

    def _wrong_key(self) -> UsageError:
        directory = self.context.place.directory
        name = directory.rpartition("/")[2]
        return UsageError(
            f"The key does not fit the run in {directory}: nothing in it was signed with it. "
            f"`fcx runs show {name} --key` on the machine that began the run prints the right one."
        )

    async def _cancelled(self, path: str, orders: list[str]) -> list[str]:
        """Tasks that orders in the inbox have called back."""
        key = self.context.inbox_key
        found: list[str] = []
        for name in sorted(orders):
            try:
                order = bundles.decode_order(await self.files.download(f"{path}/{name}"), key)
            except ValueError:
                continue
            found += order["cancel"] if order else []
        return found
