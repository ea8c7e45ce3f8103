"""From a built image to its Manifest: asked from the inside, or read where it cannot run."""

from __future__ import annotations

from typing import Any

from ..errors import ImageRefused
from ..files import plain_name
from ..parity.manifest import Manifest, Source, snapshot_fields
from ..parity.snapshot import Snapshot, docker_architecture
from ..protocol import probe
from .container import image_env
from .identity import Identity
from .probe import probe_image
from .static import Reading


def describe(
    client: Any, image: Any, identity: Identity, source: Source, asked: str = "", python: str = ""
) -> Manifest:
    """The Manifest of a built image, as its ``python`` or the one on PATH has it.

    ``asked``: the platform that somebody has chosen for it. Raises ImageRefused for one that fcx
    cannot use, or whose Python, by its ELF header and whatever the record says, is for another.
    """
    return manifest_of(image, probe_image(client, image, python), identity, source, asked)


def manifest_of(
    image: Any, found: Snapshot | Reading, identity: Identity, source: Source, asked: str = ""
) -> Manifest:
    """The same of what was found in it; ``image`` has an id, and the engine's record as attrs.

    Raises ImageRefused for one that carries another id than it was given, or is for another
    processor than was asked.
    """
    if isinstance(found, Snapshot):
        _refuse_other_id(found, identity)
        fields = snapshot_fields(found)
    else:
        fields = _reading_fields(found)
    architecture = docker_architecture(found.architecture or image.attrs.get("Architecture", ""))
    _refuse_other_processor(asked, architecture, identity.base)
    return Manifest(
        name=plain_name(identity.name),
        architecture=architecture,
        machine=(found.arch.machine or "") if isinstance(found, Snapshot) else "",
        recipe_id=identity.recipe_id,
        build_id=identity.build_id,
        image_id=image.id,
        tag=identity.tag,
        base_image=identity.base,
        base_image_id=identity.base_id,
        created=image.attrs.get("Created", ""),
        size=int(image.attrs.get("Size", 0)),
        env=image_env(image),
        source=source,
        **fields,
    )


def _refuse_other_id(found: Snapshot, identity: Identity) -> None:
    if found.build_id != identity.build_id:
        raise ImageRefused(
            f"The image carries the build id {found.build_id}, not {identity.build_id}: a step of "
            f"the Dockerfile overwrites {probe.IMAGE_RECORD}. Take that step out."
        )


def _refuse_other_processor(asked: str, found: str, base: str) -> None:
    if asked and asked.partition("/")[2] != found:
        raise ImageRefused(
            f"The image was to be for {asked}, and its Python is for linux/{found}, as the ELF "
            f"header of the file has it: the base image {base} is recorded for a processor that "
            "it is not for, or a step brings programs of another. Take another base, or have that "
            "step bring what $TARGETARCH names."
        )


def _reading_fields(found: Reading) -> dict[str, Any]:
    return {
        "python": found.python,
        "dill": found.dill,
        "distributions": found.distributions,
        "libc": found.libc,
        "os": found.os,
    }
