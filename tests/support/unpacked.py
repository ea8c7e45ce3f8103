"""The programs of pilots as a folder: what processes of tests import ``_fcx`` from."""

from __future__ import annotations

from pathlib import Path

from fcx.jobscript import programs


def unpacked(folder: Path) -> Path:
    """Write them there, as the first agent does."""
    for name, text in programs.travelling().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder
