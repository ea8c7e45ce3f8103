"""What a scenario's limits have and an executor does not ask for: patience, the size of segments."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from simulation.scenario import Scenario

from fcx.executor.core import Limits
from fcx.executor.settings import RunSettings
from fcx.jobscript import programs

RECORD = 300  # bytes of a record, more or less
USUAL = 1000  # records of a segment


def shorten(scenario: Scenario) -> None:
    """Run with those of the scenario, in this process and the agents that it sends."""
    limits_of = RunSettings.limits

    def limits(self: RunSettings, *args: Any, **more: Any) -> Limits:
        return replace(limits_of(self, *args, **more), patience=scenario.limits.patience)

    RunSettings.limits = limits  # type: ignore[method-assign]
    if scenario.segment != USUAL:
        _shorten_segments(scenario.segment * RECORD)


def _shorten_segments(size: int) -> None:
    sources = programs._sources

    def shortened() -> dict[str, str]:
        found = sources()
        name = "_fcx/protocol/record.py"
        found[name] = found[name].replace("SEGMENT = 1 << 20", f"SEGMENT = {size}")
        assert f"SEGMENT = {size}" in found[name]
        return found

    programs._sources = shortened
