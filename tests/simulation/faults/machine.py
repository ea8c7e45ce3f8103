"""What befalls the machine of the client, and the caller."""

from __future__ import annotations

from typing import Any

from fcx.executor.core import actions as act
from fcx.executor.core.events import Failed, Trouble

from .strike import fault


@fault("errand", 0.1, 1.0)
def journal_lost(client: Any, errand: Any) -> Any:
    """The journal is locked, full or read-only."""
    if not isinstance(errand, act.RecordTasks | act.RecordPilot | act.RecordEnd):
        return None
    return Failed(errand.id, "journal", Trouble("JournalLost", "database is locked"))


@fault("settle", 0.02, 0.3)
def unloadable(client: Any) -> Any:
    """The bytes of an outcome cannot be loaded, and are kept."""
    return True


@fault("callback", 0.02, 0.3)
def slow_callback(client: Any) -> Any:
    """The caller's own code takes its time."""
    return client.world.between(0.1, 30.0)


@fault("hour", 0.01, 0.1)
def directory_removed(client: Any) -> Any:
    """A clean-up removes the run directory."""
    if not client.cluster.directory.exists:
        return None
    client.cluster.directory.remove()
    return True


@fault("hour", 0.005, 0.05)
def laptop_sleeps(client: Any) -> Any:
    """The laptop sleeps: nothing is done, and answers wait."""
    client.sleep(client.world.between(10.0, 1000.0))
    return True
