"""Keeps what the core only names: probes, errors, and the bytes of outcomes."""

from __future__ import annotations

import asyncio
from typing import Any

from ...parity.gate import guard_refusal
from ..completion import Completion
from ..core.events import AnyRecord, Trouble
from ..ledger import Ledger
from ..wire import Stretch
from .context import Context

ROOM_PAUSE = 0.02  # seconds between looks at how many bytes wait


class Keeping:
    """Splits records into what decides and what is data."""

    def __init__(self, context: Context, completion: Completion, ledger: Ledger) -> None:
        self.context = context
        self.ledger = ledger
        self.completion = completion

    def keep(self, log: str, stretch: Stretch) -> tuple[AnyRecord, ...]:
        """The records for the core; what they name is kept."""
        if stretch.strange:
            self.context.settings.logger.warning(
                f"{stretch.strange} record(s) of agent {log} are of a kind that this fcx does not "
                "know: they were left out. Use one version of fcx for a run."
            )
        understood = [line.understood(self) for line in stretch.records]
        self.ledger.read(log, stretch.records, understood)
        for each in understood:
            record, outcome = each.record, each.outcome
            if outcome is not None:
                self.context.store.outcomes[record.task, record.attempt] = outcome  # type: ignore[union-attr]  # only records of tasks have one
        return tuple(each.record for each in understood)

    def probe(self, found: dict[str, Any], edf: str | None) -> int:
        """A number for what an agent found."""
        return self.context.store.probes.keep((found, edf))

    def drift(self, found: dict[str, str | None]) -> int:
        """A number for the versions that an agent has found."""
        return self.context.store.drifts.keep(found)

    def refusal(self, findings: list[tuple[str, Any, Any]]) -> Trouble:
        """The trouble that a guard's findings mean."""
        error = guard_refusal(findings)
        return Trouble("ParityError", str(error), self.context.store.errors.keep(error))

    async def room(self, size: int, most: int) -> None:
        """Wait while this outcome and those that wait to be loaded would be more than ``most``."""
        while self._waiting() and self._waiting() + size > most:  # noqa: ASYNC110 - another thread's
            await asyncio.sleep(ROOM_PAUSE)

    def _waiting(self) -> int:
        return self.completion.waiting_bytes
