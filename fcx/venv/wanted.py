"""Which image the client is to follow: a manifest's file, a name, or the remote side last seen.

A remote side need not be an image: a plain environment that a preflight found is remembered for
the project, passed or refused, and followed as if it had been adopted.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..config import Settings
from ..edf.lookup import locate
from ..errors import ConfigError, EdfError, ManifestError
from ..files import EDF_FOLDER, manifest_of_edf, manifest_path
from ..image.manifests import read_manifest
from ..parity.cache import last_seen
from ..parity.manifest import Manifest
from ..parity.snapshot import Snapshot
from ..spoken import ago
from ..state.facts import Facts

REMOTE = "the remote side"  # what a place without a manifest is called


@dataclass(frozen=True)
class Wanted:
    """What is followed, and where that stands, in words."""

    manifest: Manifest
    source: str


def wanted(
    settings: Settings, *, file: Path | None = None, name: str = "", remote: bool = False
) -> Wanted:
    """What was named; else the project's image, else the remote side. Raises ConfigError."""
    if remote:
        return _remote(settings) or _nothing(
            f"No remote side was seen from {settings.root} in the last "
            f"{settings.parity.max_age_days:g} days."
        )
    folder = settings.root / EDF_FOLDER
    path = file or manifest_path(name or settings.image.name, folder)
    if not file and not name:
        path = _beside_edf(settings) or path
    if file or name or path.is_file():
        return Wanted(read_manifest(path), str(path))
    return _remote(settings) or _nothing(f"There is no manifest {path}.")


def _beside_edf(settings: Settings) -> Path | None:
    """The manifest of the EDF that the project's executors take."""
    named = settings.executor.environment
    if not isinstance(named, str) or not named:
        return None
    try:
        return manifest_of_edf(locate(named, cwd=settings.root))
    except EdfError:
        return None  # whoever starts with it is told


def _remote(settings: Settings) -> Wanted | None:
    """The remote side that a preflight of this project, or an executor, saw last."""
    found = Facts().get_with_age(last_seen(settings.root.resolve()))
    if found is None or found[1] > settings.parity.max_age_days * 86400:
        return None
    try:
        manifest = Manifest.adopt(REMOTE, Snapshot.from_json(found[0]))
    except (ManifestError, TypeError):
        return None  # damaged, or a newer fcx's: as good as none
    return Wanted(manifest, f"the remote side as it was {ago(found[1])}")


def _nothing(why: str) -> Wanted:
    raise ConfigError(
        f"{why} `fcx image build` makes the manifest of an image, `fcx preflight` looks at the "
        "remote side and remembers it; --manifest FILE names a manifest from elsewhere."
    )
