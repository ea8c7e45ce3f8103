"""What is large goes through the site's staging area, by jobs of the server's own.

::

    parts/<task>.<attempt>.* ── job: tar ──> <task>.<attempt>.tar ── job ──> stage ──> memory
    spool ──> stage ── job ──> objects/<digest>.whole <── link ── objects/<digest>

What comes to nothing is told why, and goes in parts; nothing is left there of it but what others
need: jobs are cancelled, files removed.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ...errors import FcxError, Unreachable
from ...firecrest.stage import StageFailed
from ...firecrest.transfer import Address, ServersJob
from ...payload.contents import Content
from ...payload.received import Received
from ...payload.tarred import HEAD, Tarred, Unfit
from ...protocol import names
from ...protocol.parts import PART
from ..core import actions
from ..home import FACT_AGE
from ..wire import Outcome
from .context import Context

FIRST, GROWS, LONGEST = 0.25, 1.5, 10.0  # seconds between two questions after a job
UNKNOWN = 60.0  # seconds after which a job that nobody knows has ended, one way or the other
TIDIES = 20.0  # seconds for what is left to be removed
SUMS = 30.0  # seconds for the server's own digest of what it took
LEFT = "What is large stays where it is: the executor is left"
NOTHING = ""  # why a site without a staging area does not use it
STARTS = frozenset({"RUNNING", "COMPLETING", "STAGE_OUT"})


class NotDone(Exception):
    """A transfer has come to nothing."""


class GoneAway(Unreachable):
    """The caller leaves: nobody waits for it any more, nor for its parts."""


@dataclass
class Left:
    """What a transfer has made on the cluster that nobody needs in the end."""

    jobs: dict[str, None] = field(default_factory=dict)  # that have not ended
    files: list[str] = field(default_factory=list)


Work = Callable[[Left, float], Coroutine[Any, Any, None]]


class ExternalTransfers:
    """Of one run. Each thing is tried once: why it came to nothing is kept."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._tried: dict[str, str | None] = {}
        self._doing: set[asyncio.Task[str | None]] = set()

    async def bring(
        self, task: str, attempt: int, outcome: Outcome, may: actions.External
    ) -> str | None:
        """Have an outcome's bytes come, as far as they do; why they do not, if they do not."""
        coming = outcome.coming = outcome.coming or Received(outcome.size, PART)
        return await self._once(
            f"{task}.{attempt}", partial(self._bring, task, attempt, coming), may
        )

    async def send(self, content: Content, may: actions.External) -> str | None:
        """Bring an object to its place, whose folder is there; why that came to nothing."""
        return await self._once(content.sha, partial(self._send, content), may)

    async def close(self) -> None:
        """Nobody waits any more: end what is under way, and what it has begun there."""
        for each in self._doing:
            each.cancel()
        if self._doing:
            await asyncio.wait(self._doing, timeout=TIDIES)

    # -- whatever it is ---------------------------------------------------------------------

    async def _once(self, name: str, work: Work, may: actions.External) -> str | None:
        if name not in self._tried:
            if self.context.client.requests.leaving.is_set():
                raise GoneAway(LEFT)
            doing = asyncio.ensure_future(self._try(work, may))
            self._doing.add(doing)
            doing.add_done_callback(self._doing.discard)
            self._tried[name] = await doing
        return self._tried[name]

    async def _try(self, work: Work, may: actions.External) -> str | None:
        left = Left()
        try:
            if not await self._offered():
                return NOTHING
            await self._within(may.whole, work(left, may.queue))
        except GoneAway:
            raise
        except (FcxError, NotDone, StageFailed, Unfit) as error:
            return str(error)
        finally:
            await self._tidy(left)
        return None

    async def _within(self, seconds: float, work: Coroutine[Any, Any, None]) -> None:
        """Raises NotDone after so many seconds, GoneAway once the caller leaves."""
        doing = asyncio.ensure_future(work)
        leaves = asyncio.ensure_future(self.context.client.requests.leaving.wait())
        either = {doing, leaves}
        try:
            await asyncio.wait(either, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if leaves.done() and not doing.done():
                raise GoneAway(LEFT)
            if not doing.done():
                raise NotDone(f"it was not there after {seconds:.0f} s")
        finally:
            for each in either:
                each.cancel()
            await asyncio.wait(either)
        doing.result()

    async def _offered(self) -> bool:
        """Asked once a week, by those who have something large."""
        facts, credentials = self.context.home.facts, self.context.settings.credentials
        key = f"staging area {credentials.api_url} {credentials.system}"
        known = await asyncio.to_thread(facts.get, key, FACT_AGE)
        if not isinstance(known, bool):
            known = await self.context.client.transfers.offered()
            await asyncio.to_thread(facts.store, key, known)
        return known

    async def _ended(self, job: ServersJob, left: Left, queue: float) -> None:
        """Wait for a job that may be in the queue for so long. Raises NotDone."""
        loop = asyncio.get_running_loop()
        began, pause, known = loop.time(), FIRST, loop.time()
        while True:
            await asyncio.sleep(pause)
            pause, now = min(LONGEST, pause * GROWS), loop.time()
            state = await self.context.client.jobs.ask(job.id)
            known = now if state else known
            if state is None and now < known + UNKNOWN:
                continue
            if state is None or state.terminal:
                left.jobs.pop(job.id, None)
                if state is None or state.state == "COMPLETED":
                    return
                raise NotDone(f"job {job.id}, which the server made for it, ended: {state.state}")
            if state.state not in STARTS and now > began + queue:
                why = f" ({state.reason})" if state.reason else ""
                raise NotDone(
                    f"job {job.id}, which the server made for it, was still in the queue after "
                    f"{queue:.0f} s{why}"
                )

    def _note(self, job: ServersJob, left: Left) -> None:
        left.jobs[job.id] = None
        left.files += job.logs

    async def _tidy(self, left: Left) -> None:
        client = self.context.client
        work = [client.jobs.cancel(job) for job in left.jobs]
        with suppress(FcxError, asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.gather(*work), TIDIES)
        work = [client.files.remove(path) for path in left.files]
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.gather(*work, return_exceptions=True), TIDIES)

    # -- to the client ----------------------------------------------------------------------

    async def _bring(
        self, task: str, attempt: int, coming: Received, left: Left, queue: float
    ) -> None:
        place, transfers = self.context.place, self.context.client.transfers
        tar = place.path("parts", f"{task}.{attempt}.tar")
        left.files.append(tar)
        pattern = f"[.]/{re.escape(task)}[.]{attempt}[.][0-9]+"
        packed = await transfers.pack(place.path("parts"), pattern, tar)
        self._note(packed, left)
        await self._ended(packed, left, queue)
        sent = await transfers.send(tar)
        self._note(sent.job, left)
        await self._ended(sent.job, left, queue)
        await self._unpack(task, attempt, coming, sent.address)

    async def _unpack(self, task: str, attempt: int, coming: Received, address: Address) -> None:
        """What has come of it by then stays, if it comes to nothing: the others come in parts."""
        wanted = {
            names.part(task, attempt, at // PART): (at, coming.size_at(at)) for at in coming.missing
        }
        most = len(coming) + len(coming) // 512 + (len(wanted) + 64) * 2 * HEAD + PART
        tarred = Tarred(wanted, coming.write)
        try:
            async for block in self.context.client.stage.read(address, most):
                await asyncio.to_thread(tarred.feed, block)
            tarred.finish()
        finally:
            coming.came(tarred.came)

    # -- from the client --------------------------------------------------------------------

    async def _send(self, content: Content, left: Left, queue: float) -> None:
        client, path = self.context.client, self.context.place.path(content.name)
        whole = f"{path}.whole"
        incoming = await client.transfers.receive(whole, content.size)
        self._note(incoming.job, left)
        pieces = [f"{whole}.{number}" for number in range(1, len(incoming.parts) + 1)]
        left.files += [whole, *pieces]  # the job writes these first
        await client.stage.write(incoming, content.size, content.piece)
        await self._ended(incoming.job, left, queue)
        await self._check(whole, content)
        await client.files.link(path, whole)
        for file in (whole, *pieces):  # such a job leaves none of the pieces
            left.files.remove(file)

    async def _check(self, path: str, content: Content) -> None:
        """Raises NotDone for what is not the object; a digest that takes too long is left out."""
        found = (await self.context.client.files.stat(path)).size
        if found != content.size:
            raise NotDone(f"{found:,} bytes of {content.size:,} have arrived")
        with suppress(FcxError, asyncio.TimeoutError):
            sha = await asyncio.wait_for(self.context.client.transfers.sha256(path), SUMS)
            if sha != content.sha:
                raise NotDone("what has arrived is not what was sent")
