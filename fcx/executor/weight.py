"""How much lies in a run directory."""

from __future__ import annotations

from ..errors import NoSuchPath
from ..firecrest.files import Files

FOLDERS = ("inbox", "logs", "parts", "modules", "objects")  # the others hold links and small files


async def weigh(files: Files, directory: str) -> int:
    """Bytes of a run directory, with a request for each folder; 0 for one that is not there."""
    total = 0
    for folder in FOLDERS:
        try:
            entries = await files.list(f"{directory}/{folder}")
        except NoSuchPath:
            continue
        total += sum(entry.size for entry in entries.values())
    return total
