"""Where pilots of a shape run, as a report cites it: verdict, image, EDF, what both sides have."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Any

from ..edf.reference import Reference
from ..parity.manifest import Manifest
from ..parity.snapshot import Snapshot

if TYPE_CHECKING:
    from .kits import Kit


def place_of(kit: Kit) -> dict[str, Any]:
    """As far as it is known; paths, variables and names of users are left out.

    Of an image that is a file the name stays, without the folders that it lies in.
    """
    question, judgement = kit.gate.question, kit.gate.judgement
    environment, caller = kit.settings.environment, vars(question).get("caller")
    place: dict[str, Any] = {"policy": question.policy}
    if environment.name:
        place["edf"] = {"name": environment.name, "sha256": environment.digest}
        place["image"] = _named(environment.image)
    if question.manifest is not None:
        place["manifest"] = _manifest(question.manifest)
    if caller is not None:  # else nothing of it was asked, and to find it out takes long
        place["client"] = _side(caller)
    if judgement is not None:
        verdict = judgement.verdict
        place["passed"] = verdict.passed
        place["checked"] = judgement.known.taken
        place["remote"] = _side(judgement.remote)
        place["findings"] = [
            [one.severity, one.what, one.wanted, one.found] for one in verdict.differences
        ]
    return place


def _named(image: str) -> str:
    """A reference in a registry without a user's name, a file without its folder."""
    named = Reference.parse(image)
    if named.path:
        return posixpath.basename(named.path)
    return image.replace(f"{named.user}@", "", 1) if named.user else image


def _manifest(manifest: Manifest) -> dict[str, Any]:
    fields = [
        *("name", "tag", "repo_digest", "image_id", "build_id", "recipe_id", "base_image"),
        *("base_image_id", "created", "origin", "architecture"),
    ]
    found = {name: getattr(manifest, name) for name in fields}
    found["sqsh_sha256"] = manifest.sqsh.sha256 if manifest.sqsh else ""
    found["source_sha256"] = manifest.source.digest if manifest.source else ""
    return {name: value for name, value in found.items() if value}


def _side(snapshot: Snapshot) -> dict[str, Any]:
    python = snapshot.python
    return {
        "python": f"{python.implementation} {python.version}",
        "dill": snapshot.dill or "",
        "os": snapshot.os,
        "libc": snapshot.libc,
        "machine": snapshot.arch.machine or "",
        "build_id": snapshot.build_id or "",
        "packages": dict(sorted(snapshot.distributions.items())),
    }
