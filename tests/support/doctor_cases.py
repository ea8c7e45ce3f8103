"""What tests of the doctor look at, and a project with an image that nobody built."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cluster.project import Project

from fcx.doctor.case import Asked, Case
from fcx.doctor.check import Result, State
from fcx.doctor.everything import CHECKS
from fcx.doctor.examine import examine
from fcx.parity.gate import client_snapshot
from fcx.parity.manifest import Manifest
from fcx.records import replace

WRONG = {State.WRONG, State.WARNING}


def look_at(limit: float = 30.0, **asked: Any) -> dict[str, Result]:
    """The results by name: each that is amiss names a fix, and each untried one its root."""
    found = {one.name: one for one in examine(Case(Asked(**asked)), CHECKS, limit)}
    assert not [one for one in found.values() if one.state in WRONG and not one.found.fix]
    untried = {one.name for one in found.values() if one.state is State.UNTRIED}
    assert untried == {one.name for one in found.values() if one.root}
    return found


def built(project: Project, image: Path, **changes: Any) -> Manifest:
    """A manifest of this very environment, but for changes, and an EDF that names the image."""
    adopted = Manifest.adopt("fcx-image", client_snapshot())
    manifest = replace(adopted, origin="built", build_id="b" * 64, **changes)
    project.write("edf/fcx-image.manifest.json", manifest.to_json())
    project.write("edf/fcx-image.toml", f'image = "{image}"\n')
    return manifest
