"""The EDF of an image: written for several verbs, what is to be said, and when it is to be."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..files import EDF_FOLDER, edf_path
from .project import Project
from .step import Done, Look

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
    hooks: str
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
            "hooks": self.hooks,
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
    hooks: Mapping[str, str] | None = None,
) -> Written:
    """Write both files of an image's EDF, the user's only where there is none.

    ``hooks`` are annotations that the user's gets where it says nothing of them.
    """
    from ..edf.both import of_pair
    from ..edf.generate import generate, header, reach, shipped
    from ..edf.read import read
    from ..edf.write import write_hooks, write_pair

    folder = working_dir or settings.executor.working_dir
    edf = generate(record, place, folder, sqsh=sqsh, dialect=dialect)
    target = output or edf_path(record.name, settings.root / EDF_FOLDER)
    done = write_pair(target, edf, header(record, place, __version__, target.name), settings)
    added = write_hooks(target, hooks or {})
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
        added,
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


class Edf:
    """The step: as `fcx edf write` without options, where that would change anything."""

    name = "edf"

    def __init__(self, project: Project, working_dir: str = "") -> None:
        self._project = project
        self._working_dir = working_dir

    def look(self) -> Look:
        """Whether both files are what would be written."""
        from ..edf.generate import generate, header
        from ..edf.write import is_written

        project = self._project
        settings, manifest = project.settings, project.manifest()
        target, place = project.edf_path, site_of(settings, "")
        data = {"path": str(target)}
        shown = os.path.relpath(target)
        if manifest.origin == "adopted" and target.is_file():
            return Look(False, f"{shown} is the one that the adopted image came with", data)
        edf = generate(manifest, place, self._working_dir or settings.executor.working_dir)
        head = header(manifest, place, __version__, target.name)
        if is_written(target, edf, head):
            return Look(False, f"up to date, {shown} is for this image and where it lies", data)
        why = "it was for another image or place" if target.is_file() else "there was none"
        return Look(True, why, data)

    def do(self) -> Done:
        """Write both files, the user's only where there is none."""
        settings = self._project.settings
        manifest, place = self._project.manifest(), site_of(settings, "")
        done = written(settings, manifest, place, working_dir=self._working_dir)
        told = (done.moved, *done.warnings, *(one.message() for one in done.findings))
        said = f"wrote {done.generated.name} beside {os.path.relpath(done.path)}, of {done.image}"
        return Done(said, tuple(filter(None, told)), data=done.to_data())
