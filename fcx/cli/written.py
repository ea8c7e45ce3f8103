"""The EDF of an image, written for several verbs; and what there is to say of it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import __version__

if TYPE_CHECKING:
    from ..config import Settings, Site
    from ..edf.findings import Finding
    from ..parity.manifest import Manifest


@dataclass(frozen=True)
class Written:
    """The user's file and fcx's own, the image that they name, and what to say."""

    path: Path
    generated: Path
    image: str
    build_id: str
    moved: str
    warnings: tuple[str, ...]
    findings: tuple[Finding, ...]

    def to_data(self) -> dict[str, Any]:
        """For --json."""
        return {
            "path": str(self.path),
            "generated": str(self.generated),
            "image": self.image,
            "build_id": self.build_id,
            "moved": self.moved,
            "warning": "; ".join(self.warnings),
            "findings": [finding.to_data() for finding in self.findings],
        }


def site_of(settings: Settings, name: str) -> Site:
    """The system that an EDF is for: the one named, else the image's, else the credentials'."""
    return settings.site(name or settings.image.site or os.environ.get("FIRECREST_SYSTEM", ""))


def written(
    settings: Settings,
    record: Manifest,
    place: Site,
    *,
    working_dir: str = "",
    output: Path | None = None,
    sqsh: str = "",
    dialect: str = "",
) -> Written:
    """Write both files of an image's EDF, the user's only where there is none."""
    from ..edf.both import of_pair
    from ..edf.generate import generate, header, reach, shipped
    from ..edf.read import read
    from ..edf.write import write_pair
    from ..files import EDF_FOLDER, edf_path

    folder = working_dir or settings.executor.working_dir
    edf = generate(record, place, folder, sqsh=sqsh, dialect=dialect)
    target = output or edf_path(record.name, settings.root / EDF_FOLDER)
    done = write_pair(target, edf, header(record, place, __version__, target.name), settings)
    own = read(target).image
    engine = dialect or place.engine
    unreachable = reach(record, own or sqsh or shipped(record, place, engine))
    findings = of_pair(target, engine, place, record)
    if unreachable:  # the warning says more of that
        findings = [finding for finding in findings if finding.code != "local-image"]
    return Written(
        target,
        done.generated,
        own or edf.image or "",
        record.build_id,
        done.moved,
        tuple(filter(None, (_outdated(record, settings), done.unread, unreachable))),
        tuple(findings),
    )


def _outdated(manifest: Manifest, settings: Settings) -> str:
    """What has changed since the image was built, and what to do; empty if nothing has."""
    from ..image.source import stale

    changed = stale(manifest, settings.root)
    if not changed:
        return ""
    return (
        f"the image was built before its source changed: it has {changed}; `fcx image build`, "
        "then `fcx edf write` again"
    )
