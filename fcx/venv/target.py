"""The environment that is to follow the image, as it is now."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import ManifestError
from ..parity.snapshot import Snapshot
from ..protocol import probe
from .journal import Journal
from .wholeness import damaged

PROBING = 60.0  # seconds after which an interpreter counts as broken


@dataclass(frozen=True)
class Target:
    """A folder; ``found`` is None where no Python runs in it.

    ``damaged`` has the versions of distributions whose metadata are there and whose files are not.
    """

    folder: Path
    journal: Journal
    found: Snapshot | None
    damaged: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def look(cls, folder: Path) -> Target:
        """See what is in a folder, be it an environment, empty, or not there."""
        found = snapshot_of(folder)
        broken = damaged(folder, found.python.minor) if found else {}
        return cls(folder, Journal.read(folder), found, broken)

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return interpreter(self.folder)

    @property
    def empty(self) -> bool:
        """Whether nothing is lost if it is made here."""
        return not self.folder.exists() or (self.folder.is_dir() and not any(self.folder.iterdir()))

    @property
    def virtual(self) -> bool:
        """Whether it is an environment apart, be it conda's, and not a system's Python."""
        return any((self.folder / mark).exists() for mark in ("pyvenv.cfg", "conda-meta"))

    @property
    def own(self) -> bool:
        """Whether this very fcx runs in it."""
        return self.folder.resolve() == Path(sys.prefix).resolve()


def interpreter(folder: Path) -> Path:
    """The interpreter of an environment."""
    return folder / "bin" / "python"


def snapshot_of(folder: Path) -> Snapshot | None:
    """What the probe finds in an environment, at which no setting of the caller's arrives."""
    try:
        done = subprocess.run(
            [interpreter(folder), "-I", probe.__file__],
            capture_output=True,
            check=True,
            timeout=PROBING,
        )
        return Snapshot.from_json(done.stdout)
    except (OSError, subprocess.SubprocessError, ManifestError):
        return None


def clear_halves(folder: Path, names: Collection[str]) -> None:
    """Forget distributions that a killed installer left half done: they are put in again.

    Installers write INSTALLER and RECORD last; without them they refuse to replace what is there.
    """
    for info in folder.glob("lib/python*/site-packages/*.dist-info"):
        name = probe.normalised(info.name.partition("-")[0])
        whole = all((info / file).is_file() for file in ("INSTALLER", "RECORD"))
        if name in names and not whole:
            shutil.rmtree(info)
