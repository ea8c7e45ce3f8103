"""All entries: everything that is read from the other side."""

from __future__ import annotations

from fuzzing import answers, attaching, cores, inbox, logs, places, supplies
from fuzzing.entry import Entry

MODULES = (answers, logs, inbox, attaching, supplies, places, cores)
ENTRIES: dict[str, Entry] = {entry.name: entry for module in MODULES for entry in module.ENTRIES}
