"""What is done on this machine: bundles are made, runs remembered, places judged."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from ...errors import ParityError, StateError, UsageError
from ...parity.gate import Gate, Passed
from ...protocol import packing
from ...protocol.keys import mark as run_mark
from ...state.journal import RunRecord
from ..core.actions import (
    Encode,
    Judge,
    JudgeRequirements,
    Learn,
    Prepare,
    RecordEnd,
    RecordPilot,
    RecordTasks,
)
from ..core.events import AnyEvent, Done, Encoded, Judged, Prepared, RequirementsJudged, Trouble
from ..ledger import Ledger
from .context import Context
from .files import OFF_LOOP
from .table import Table

T = TypeVar("T")

BEGUN = (
    "Run {!r} was begun by another process of this machine at the same moment: start this one "
    "again, and it goes on with that run."
)
KEY_LOST = (
    "What run {run} has left cannot be gone on with or collected once this process has ended, "
    "unless you keep the executor's run_directory and run_key: {why}"
)
JOURNAL_TIMEOUT = 1.0  # seconds that a request waits for what is remembered before it


class JournalLost(Exception):
    """Nothing can be remembered on this machine: the run goes on without."""


class Errands:
    """The journal, the gate, and the making of bundles."""

    def __init__(self, context: Context, ledger: Ledger) -> None:
        self.context = context
        self.ledger = ledger
        self._started = time.time()
        self._recorded = 1  # kits that the journal has: the executor's own, with the run
        self._refused = False  # the name is another run's: nothing of ours is there to remember
        self.table: Table = {
            Prepare: self.prepare,
            RecordTasks: self.tasks,
            RecordPilot: self.pilot,
            RecordEnd: self.end,
            Encode: self.encode,
            Judge: self.judge,
            Learn: self.learn,
        }

    async def prepare(self, action: Prepare) -> AnyEvent:
        """Find the folder of our runs; open this one in the journal."""
        context = self.context
        base = await context.home.find()
        context.place.found(base, context.identity.directory)
        begun = True
        with contextlib.suppress(JournalLost):
            begun = await self._remembered(context.memory.journal.begin_run, self._record)
        if not begun:
            self._refused = True
            raise UsageError(BEGUN.format(context.identity.directory))
        if context.identity.name:
            await self._claim_name()
        return Prepared(action.id, context.place.directory)

    async def _claim_name(self) -> None:
        """Make the directory that has the run's name; one of another process is left alone."""
        context = self.context
        mark = run_mark(context.identity.key)
        if await context.home.claim(context.place.directory, mark):
            return
        self._refused = True
        forget = partial(context.memory.journal.end_run, context.identity.id, kept=False)
        with contextlib.suppress(JournalLost):
            await self._remembered(forget)
        name, directory = context.identity.name, context.place.directory
        raise UsageError(
            f"There is a run {name!r} in {directory}, and this machine does not have its key. On "
            f"the machine that began it, `fcx runs show {name} --key` prints the key; here, "
            f"`fcx runs attach --directory {directory} --key KEY` goes on with it. Or choose "
            "another name."
        )

    async def tasks(self, action: RecordTasks) -> AnyEvent:
        """Tasks that are about to be sent."""
        context = self.context
        known = context.store.payloads
        sent = [(task, known.name(task), attempt) for task, attempt in action.tasks]
        keys = {task: known.key(task) for task, _ in action.tasks if known.key(task)}
        add = context.memory.journal.add_tasks
        await self._remembered(self._whole, add, context.identity.id, sent, keys)
        return Done(action.id)

    async def pilot(self, action: RecordPilot) -> AnyEvent:
        """A pilot that is about to be submitted, or has a job now."""
        self.ledger.pilot(action.pilot, action.job, action.shape)
        add = self.context.memory.journal.add_pilot
        run = self.context.identity.id
        mark = self.context.kits[action.shape].mark or ""
        await self._remembered(self._whole, add, run, action.pilot, action.job, mark)
        return Done(action.id)

    async def end(self, action: RecordEnd) -> AnyEvent:
        """The run is over; where its directory stays, so must its key."""
        if self._refused:
            return Done(action.id)
        memory, run = self.context.memory, self.context.identity.id
        end_run = partial(memory.journal.end_run, run, kept=action.kept)
        if not action.kept:
            await self._remembered(end_run)
            return Done(action.id)
        try:
            await asyncio.to_thread(memory.complete, partial(self._whole, end_run))
        except StateError as error:
            if not self._has_key():
                told = KEY_LOST.format(run=self.context.identity.directory, why=error)
                self.context.settings.logger.warning(told)
        return Done(action.id)

    def _has_key(self) -> bool:
        """Whether the journal has what it takes to go on with the run."""
        with contextlib.suppress(StateError):
            return self.context.memory.journal.run(self.context.identity.id) is not None
        return False

    def _whole(self, function: Callable[..., None], *arguments: Any) -> None:
        """Take something down of a run that is known, or was: the file may have been removed."""
        journal, kits = self.context.memory.journal, len(self.context.kits)
        journal.begin_run(self._record)
        if kits > self._recorded:
            journal.set_settings(self.context.identity.id, self._record.settings)
            self._recorded = kits
        function(*arguments)

    @property
    def _record(self) -> RunRecord:
        return record_of(self.context, self._started)

    async def _remembered(self, function: Callable[..., T], *arguments: Any) -> T:
        work = asyncio.to_thread(self.context.memory.record, partial(function, *arguments))
        try:
            return await asyncio.wait_for(work, JOURNAL_TIMEOUT)
        except Exception as error:
            raise JournalLost(f"{type(error).__name__}: {error}") from error

    async def encode(self, action: Encode) -> AnyEvent:
        """A bundle; a large one is compressed beside the loop."""
        store = self.context.store
        runs: dict[str, list[tuple[int, str, str]]] = {}
        for task, number, job, why in action.runs:
            runs.setdefault(task, []).append((number, job, why))
        kit = self.context.kits[action.shape]
        relied = ReliedOn(self.context, kit.gate)
        lacks = dict(action.lacks)
        found = [
            store.payloads.item(
                task,
                attempt,
                tuple(runs[task]) if task in runs else (),
                relied.number,
                lacks.get(task, ()),
            )
            for task, attempt in action.tasks
        ]
        items = [item for item in found if item is not None]
        sizes = _without_gaps(found, action.sizes)
        make = (
            action.bundle,
            items,
            sizes,
            kit.gate.guard,
            action.pilot or kit.mark,
            dict(action.seen),
            self.context.inbox_key,
            relied.sets,
            kit.settings.shape_record() if kit.mark else None,
        )
        if sum(len(item.payload) for item in items) > OFF_LOOP:
            bundle = await asyncio.to_thread(packing.encode, *make)
        else:
            bundle = packing.encode(*make)
        store.bundles[action.bundle] = bundle
        return Encoded(action.id, bundle.size)

    async def learn(self, action: Learn) -> AnyEvent:
        """What was installed or removed since, beside the loop: it is no longer remembered."""
        found = self.context.store.drifts.take(action.drift)
        await asyncio.to_thread(self.context.kits[action.shape].gate.learn, found)
        return Done(action.id)

    async def judge(self, action: Judge) -> AnyEvent:
        """What an agent found, beside the loop."""
        probe, edf = self.context.store.probes.take(action.probe)
        gate = self.context.kits[action.shape].gate
        try:
            judgement = await asyncio.to_thread(gate.admit, probe, edf)
        except ParityError as error:
            return Judged(action.id, 0, self._trouble(error))
        return Judged(action.id, judgement.verdict.notes)

    def judge_requirements(self, action: JudgeRequirements) -> AnyEvent:
        """What a task refers to: at once, for its payload waits for it."""
        gate = self.context.kits[action.shape].gate
        try:
            gate.refuse_task(self.context.requirements[action.requirements])
        except ParityError as error:
            return RequirementsJudged(action.id, self._trouble(error))
        return RequirementsJudged(action.id)

    def _trouble(self, error: ParityError) -> Trouble:
        return Trouble("ParityError", str(error), self.context.store.errors.keep(error))


class ReliedOn:
    """What the tasks of one bundle rely on at the remote side: each set once, numbered from 1."""

    def __init__(self, context: Context, gate: Gate) -> None:
        self.context = context
        self.gate = gate
        self.sets: list[Passed] = []
        self._numbers: dict[int, int] = {0: 0}  # by the run's number of a set of requirements

    def number(self, known: int) -> int:
        """That of a set in this bundle, by the run's; 0: of nothing that could change."""
        if known not in self._numbers:
            passed = self.gate.relied(self.context.requirements[known])
            self.sets += [passed] if passed else []
            self._numbers[known] = len(self.sets) if passed else 0
        return self._numbers[known]


def record_of(context: Context, started: float) -> RunRecord:
    """The run as the journal has it while it is open."""
    credentials = context.settings.credentials
    return RunRecord(
        context.identity.id,
        credentials.api_url,
        credentials.system,
        context.place.directory,
        context.identity.key,
        started,
        "open",
        {**context.settings.to_record(), "shapes": context.kits.records()},
    )


def _without_gaps(items: list[Any], sizes: tuple[int, ...]) -> list[int]:
    """Sizes of the portions without the tasks that were settled meanwhile."""
    counts, at = [], 0
    for size in sizes:
        counts.append(sum(item is not None for item in items[at : at + size]))
        at += size
    return counts
