"""What the logs say, record by record, and what it means for the calls."""

from __future__ import annotations

import asyncio
import base64
import posixpath
import time
from typing import Any

from ..errors import (
    InitializerFailed,
    JobFailed,
    NoSuchPath,
    OutOfMemory,
    ParityError,
    ResultError,
    WorkerDied,
)
from ..payload import outcome as payload
from ..protocol import rundir
from ..protocol.rundir import Incarnation, LogCursor
from .pilots import Fate, Pilot, fate, time_limit
from .sending import Pilots
from .tasks import Task

LISTED_FROM = 2.0  # seconds between looks from which a listing replaces a blind read
CUT = 10.0  # seconds left of a job when SIGTERM means its time limit


class Watch(Pilots):
    """Reads logs: one blind read of the only one there is, or one listing."""

    def _poll_due(self) -> float:
        return self._poll_times.looked + self._pace.pause() - time.monotonic()

    async def _poll(self) -> None:
        """See what the logs say: one blind read of the only log there is, or one listing."""
        self._poll_times.looked = time.monotonic()
        if not self.directory or not any(pilot.job for pilot in self.pilots):
            return
        cursor = self._only_log()
        if cursor is not None and self._pace.pause() < LISTED_FROM:
            news = await self._read(cursor)
        else:
            news = await self._read_listed()
        if news:
            self._pace.news()
        else:
            self._pace.quiet()
        self._poll_times.looked = time.monotonic()

    def _only_log(self) -> LogCursor | None:
        """The log to read without a listing: one pilot of one node, begun or about to."""
        live = [pilot for pilot in self.pilots if pilot.live]
        if self.resumed or len(live) != 1 or live[0].nodes != 1 or not live[0].job:
            return None
        agents = [self.cursors[a] for a in live[0].agents if not self.cursors[a].ended]
        if live[0].agents:
            return agents[0] if len(agents) == 1 else None
        if live[0].ambiguous:
            return None  # it may run under another id
        return LogCursor(Incarnation(live[0].job, 0, 0))

    async def _read_listed(self) -> bool:
        try:
            entries = await self.client.files.list(posixpath.join(self.directory, "logs"))
        except NoSuchPath:
            self._pace.spend(1)
            if self._landed:
                raise self._run_lost() from None
            return False
        self._pace.spend(1)
        self._find_logs(entries)
        grown = []
        for cursor in self.cursors.values():
            beat = entries.get(f"{cursor.incarnation}.beat")
            if beat is not None and beat.size != cursor.beat:
                cursor.beat = beat.size
                self._poll_times.progress[cursor.incarnation] = time.monotonic()
            entry = entries.get(cursor.name)
            if entry is not None and entry.size > cursor.offset:
                grown.append(cursor)
        news = await asyncio.gather(*(self._read(cursor) for cursor in grown))
        await self._see_exits(entries)
        return any(news)

    def _find_logs(self, entries: dict[str, Any]) -> None:
        """New agents; a later life of an agent means that the earlier one is over."""
        for name in entries:
            incarnation = Incarnation.parse(name.rpartition(".")[0])
            if incarnation is None or not name.endswith(".0") or incarnation in self.cursors:
                continue
            self.cursors[incarnation] = LogCursor(incarnation)

    async def _read(self, cursor: LogCursor) -> bool:
        """Take in what a log has to say since the last time."""
        path = posixpath.join(self.directory, "logs", cursor.name)
        self._pace.spend(1)
        try:
            data = await self.client.files.read_from(path, cursor.offset)
        except NoSuchPath:
            if self._landed and cursor.incarnation in self.cursors and cursor.offset:
                raise self._run_lost() from None
            return False
        segment = cursor.segment
        records = cursor.take(data)
        if not records:
            return False
        cursor = self.cursors.setdefault(cursor.incarnation, cursor)
        self._poll_times.progress[cursor.incarnation] = time.monotonic()
        for record in records:
            await self._on_record(cursor, record)
        if cursor.segment != segment:
            await self._read(cursor)
        return True

    async def _see_exits(self, entries: dict[str, Any]) -> None:
        """Agents that died, and lives that were followed by others."""
        for cursor in list(self.cursors.values()):
            if cursor.ended:
                continue
            me = cursor.incarnation
            later = Incarnation(me.job, me.restart + 1, me.node)
            if f"{me}.exit" in entries:
                await self._agent_gone(cursor, "its agent was killed")
            elif later in self.cursors:
                await self._agent_gone(cursor, "the job was requeued")

    async def _on_record(self, cursor: LogCursor, record: dict[str, Any]) -> None:
        kind = record["k"]
        if kind == "up":
            await self._on_up(cursor, record)
        elif kind == "run":
            self._on_run(cursor, record)
        elif kind == "done":
            await self._on_done(cursor, record)
        elif kind == "died":
            await self._on_died(cursor, record)
        elif kind == "back":
            self._on_back(record)
        elif kind == "failed":
            raise InitializerFailed(
                "The initializer failed in a worker, so no call can run:\n" + record["error"]
            )
        elif kind == "refused":
            raise self.gate.refused(record["findings"])
        elif kind == "end":
            await self._on_end(cursor, record)

    async def _on_up(self, cursor: LogCursor, record: dict[str, Any]) -> None:
        pilot = next((p for p in self.pilots if p.name == record["pilot"]), None)
        if pilot is None:
            return
        pilot.agents.add(cursor.incarnation)
        self._landed = True
        self._barren = 0
        self.log.info(f"Job {cursor.incarnation.job} runs on {record['node']}")
        if record.get("probe"):
            await self._on_probe(record)

    async def _on_probe(self, record: dict[str, Any]) -> None:
        """Judge the far side; what had waited for it is judged too, or leaves now."""
        closed = self.gate.guard is None
        hashes = {"the EDF": record.get("edf")}
        verdict = await asyncio.to_thread(self.gate.admit, record["probe"], hashes)
        self.verdict = verdict
        notes = len(verdict.differences)
        told = f" with {notes} note(s): `fcx preflight` shows them" if notes else ""
        self.log.info(f"The far side passes under {self.gate.policy!r}{told}")
        if closed and self.ledger.unfinished:
            await self._upload_initializer()
            for task in list(self.ledger.outbox):
                self._judge_call(task)

    def _judge_call(self, task: Task) -> None:
        if task.requirements is None:
            return
        try:
            self.gate.refuse_call(task.requirements)
        except ParityError as error:
            self._settle(task, None, error)

    def _on_run(self, cursor: LogCursor, record: dict[str, Any]) -> None:
        task = self.ledger.unfinished.get(record["t"])
        if task is None or task.attempt != record["a"]:
            return
        task.running, task.slot, task.first = cursor.incarnation, record["slot"], record["first"]
        task.future.report_running(cursor.incarnation.job)

    async def _data(self, record: dict[str, Any]) -> bytes:
        """A record's data: in the record, or in parts."""
        if "d" in record:
            return base64.b64decode(record["d"])
        names = [f"{record['t']}.{record['a']}.{number}" for number in range(record["parts"])]
        folder = posixpath.join(self.directory, "parts")

        async def part(name: str) -> bytes:
            text = await self.client.files.read_from(posixpath.join(folder, name), 0)
            return await asyncio.to_thread(base64.b64decode, text)

        self._pace.spend(len(names))
        return b"".join(await asyncio.gather(*map(part, names)))

    async def _on_done(self, cursor: LogCursor, record: dict[str, Any]) -> None:
        task = self.ledger.unfinished.get(record["t"])
        if task is None:
            return
        data = await self._data(record)
        if not rundir.authentic(self.key, record, data):
            self.log.warning(f"An outcome of {task.name} is not of this run: it was not loaded")
            return
        task.future.job_id = cursor.incarnation.job
        self.ledger.ran(task, record["s"])
        result, out, err = _split(data, record["n"])
        if len(result) > 1 << 20:
            value, error = await asyncio.to_thread(payload.load, record["o"], result)
        else:
            value, error = payload.load(record["o"], result)
        if isinstance(error, ResultError) and error.data:
            self.keep = True
        self._settle(task, value, error, (out, err))

    async def _on_died(self, cursor: LogCursor, record: dict[str, Any]) -> None:
        """The worker ended before its call did: say how, or run it again."""
        task = self.ledger.unfinished.get(record["t"])
        if task is None or task.attempt != record["a"]:
            return
        task.running, task.first = cursor.incarnation, record["first"]
        task.future.job_id = cursor.incarnation.job
        how = record["how"]
        pilot = self._pilot_of(cursor.incarnation)
        if how["outside"] and pilot is not None and pilot.ended:
            # We cancelled it as surplus while it began: that is not to be charged to the call.
            self._on_back({"t": [[task.id, task.attempt]]})
            return
        _, out, err = _split(await self._data(record), record["n"])
        told = f"The worker of {task.name} in job {cursor.incarnation.job} {how['text']}."
        left = record["left"]
        if how["signal"] == 15 and left is not None and left < CUT:
            why = time_limit(cursor.incarnation.job)
        elif how["oom"]:
            why = Fate("memory", OutOfMemory(f"{told} Ask for more with --mem, or use less."))
        elif how["outside"]:
            why = Fate("failed", WorkerDied(f"{told} It was tried {task.charged + 1} times."))
        else:
            why = Fate("own", WorkerDied(told))
        self._lost(task, why, (out, err))

    def _lost(self, task: Task, why: Fate, output: tuple[bytes, bytes] = (b"", b"")) -> None:
        error = self.ledger.lost(task, why)
        if error is None:
            self.log.warning(f"{task.name} will run again: {why.error}")
        else:
            self._settle(task, None, error, output)

    def _on_back(self, record: dict[str, Any]) -> None:
        for name, attempt in record["t"]:
            task = self.ledger.unfinished.get(name)
            if task is not None and task.attempt == attempt:
                error = self.ledger.back(task)
                if error is not None:
                    self._settle(task, None, error)

    async def _on_end(self, cursor: LogCursor, record: dict[str, Any]) -> None:
        """An agent has left by itself. What it held has outcomes or went back."""
        pilot = self._pilot_of(cursor.incarnation)
        if pilot is None:
            return
        restarts = record["why"] == "signal" and self.settings.options.requeue
        agents = [self.cursors[agent] for agent in pilot.agents]
        if len(agents) >= pilot.nodes and all(agent.ended for agent in agents) and not restarts:
            self._pilot_over(pilot)

    def _pilot_over(self, pilot: Pilot) -> None:
        """Nothing more comes from this pilot: what was reserved for it goes back."""
        pilot.ended = True
        self.log.info(f"Job {pilot.job} has ended")
        bundles = [pilot.reserved] if pilot.reserved else []
        if not self._landed:
            others = {b.name for p in self.pilots if p.live for b in p.inlined}
            lost = [bundle for bundle in pilot.inlined if bundle.name not in others]
            if lost:
                self._uploaded.difference_update(pilot.archives)
            bundles += lost
        for bundle in bundles:
            for task in self.ledger.in_bundle(bundle.name):
                error = self.ledger.back(task)
                if error is not None:
                    self._settle(task, None, error)

    async def _agent_gone(self, cursor: LogCursor, how: str) -> None:
        """An agent ended without a word: what it had claimed is lost, or runs again."""
        await self._read(cursor)
        if cursor.ended:
            return
        cursor.ended = "gone"
        pilot = self._pilot_of(cursor.incarnation)
        if pilot is None:
            return
        why = fate(pilot)
        if pilot.state is None or not pilot.state.terminal:
            told = f"Job {cursor.incarnation.job}: {how} while the call ran"
            why = Fate("failed", JobFailed(told))
        await self._lose_claims(cursor.incarnation, why)
        agents = [self.cursors[agent] for agent in pilot.agents]
        all_gone = len(agents) >= pilot.nodes and all(agent.ended for agent in agents)
        if all_gone and "requeued" not in how:
            self._pilot_over(pilot)

    async def _lose_claims(self, incarnation: Incarnation, why: Fate) -> None:
        for task in await self._claimed(incarnation):
            self._lost(task, why)

    async def _claimed(self, incarnation: Incarnation) -> list[Task]:
        """Unfinished calls of the portions that an agent had claimed."""
        try:
            entries = await self.client.files.list(posixpath.join(self.directory, "claims"))
        except NoSuchPath:
            raise self._run_lost() from None
        mine = set()
        for name, entry in entries.items():
            bundle, _, portion = name.partition(".")
            if entry.target == str(incarnation):
                mine.add((bundle, int(portion)))
        return self.ledger.in_portions(mine)

    async def _live_output(self, name: str, stream: int) -> bytes:
        task = self.ledger.unfinished.get(name)
        if task is None or task.running is None:
            return b""
        file = f"{task.running}.{task.slot}.{('out', 'err')[stream]}"
        try:
            return await self.client.files.read_from(
                posixpath.join(self.directory, "output", file), 0
            )
        except NoSuchPath:
            return b""


def _split(data: bytes, lengths: list[int]) -> tuple[bytes, bytes, bytes]:
    first, second, third = lengths
    return data[:first], data[first : first + second], data[first + second : first + second + third]
