"""The releases of an image, written back beside its Dockerfile: what is built next has the same.

They are *constraints* (``pip install -c``) and no requirements: what is installed stays in
requirements.txt, which people edit, and its releases, and those of all that they need, come from
here. Not among them: Python and dill, which follow the interpreter that builds, and fcx, which is
put in as it runs. Hashes would bar the way for all of these, and for URLs; there are none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ..config import Settings
from ..errors import UsageError
from ..files import write_whole
from ..install import NAME
from ..parity.manifest import Manifest
from ..parity.versions import parse
from ..records import replace
from .source import source_now, stale

FILE = "constraints.txt"
MARK = "# Written by `fcx lock`"
LEFT_OUT = frozenset({NAME, "dill"})
_HEAD = """\
{mark} from the image {name}: the releases that a build takes, for all that
# requirements.txt asks for. Take a line out, or this file, to let it move; then build, and lock
# anew. Python {python} and dill are not here: they follow the interpreter that builds.
"""


@dataclass(frozen=True)
class Locked:
    """What was written where, and what to know about it; ``changed``: not the same as before."""

    path: Path
    pins: dict[str, str]
    changed: bool
    notes: tuple[str, ...]
    manifest: Manifest


def lock(manifest: Manifest, settings: Settings, *, force: bool = False) -> Locked:
    """Write the constraints of an image. Raises UsageError where that would harm or not help.

    An image that was not older than its source is not older than the source so locked: it is what
    that would give.
    """
    folder = settings.root / settings.image.context
    path = folder / FILE
    _refuse(folder, path, force=force)
    pins = {
        name: version
        for name, version in sorted(manifest.distributions.items())
        if name not in LEFT_OUT and _sound(name, version)
    }
    text = _text(manifest, pins)
    changed = not path.is_file() or _lines(path.read_text("utf-8")) != _lines(text)
    current = manifest.source is not None and not stale(manifest, settings.root)
    if changed:
        write_whole(path, text)
    if changed and current and manifest.source:
        manifest = replace(manifest, source=source_now(manifest.source, settings.root))
    return Locked(path, pins, changed, tuple(_notes(manifest, settings)), manifest)


def _refuse(folder: Path, path: Path, *, force: bool) -> None:
    if not folder.is_dir():
        raise UsageError(
            f"There is no folder {folder} to write {FILE} to. `fcx init` lays one out."
        )
    if path.is_file() and not path.read_text("utf-8").startswith(MARK) and not force:
        raise UsageError(
            f"{path} was not written by `fcx lock`, and is left as it is. --force writes it anew."
        )
    own = folder / "requirements.lock"
    if own.is_file() and own.stat().st_size and not force:
        raise UsageError(
            f"{own} is what the Dockerfile installs: make that anew with the tool that made it. "
            f"--force writes {FILE} all the same."
        )


def _text(manifest: Manifest, pins: dict[str, str]) -> str:
    head = _HEAD.format(mark=MARK, name=manifest.name, python=manifest.python.version)
    lines = []
    for name, version in pins.items():
        url = manifest.origins.get(name, "")
        lines.append(f"{name}=={version}" + (f"  # from {url}" if url else ""))
    return head + "".join(f"{line}\n" for line in lines)


def _lines(text: str) -> list[str]:
    """What counts of the file: a rebuilt image with the same releases leaves it as it is."""
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def _sound(name: str, version: str) -> bool:
    return bool(re.fullmatch(r"[a-z0-9-]+", name)) and parse(version) is not None


def _notes(manifest: Manifest, settings: Settings) -> list[str]:
    """What the constraints alone do not hold."""
    notes = []
    dockerfile = settings.root / settings.image.dockerfile
    if dockerfile.is_file() and FILE not in dockerfile.read_text("utf-8", errors="replace"):
        notes.append(
            f"{dockerfile} does not take {FILE}: copy it in, and give pip `-c {FILE}`, as the "
            "Dockerfile of `fcx init` does."
        )
    for name, url in manifest.origins.items():
        if re.match(r"\w+\+", url) and name not in LEFT_OUT:
            notes.append(
                f"{name} comes from a repository, whose version need not change with its content: "
                f"have requirements.txt name the commit ({name} @ {url})."
            )
    return notes
