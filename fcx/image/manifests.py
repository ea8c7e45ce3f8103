"""The manifests of images on this machine; ``fcx.files`` says where each lies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import ConfigError, ImageRefused, ManifestError
from ..parity.manifest import Manifest


def read_manifest(path: Path) -> Manifest:
    """The manifest of an image that was built or adopted. Raises ConfigError without one."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"There is no manifest {path}: {error.strerror}. `fcx image build` makes one; `fcx "
            "preflight --adopt NAME` makes one of an image that is on the cluster already."
        ) from error
    return Manifest.from_json(text, str(path))


def earlier_manifest(path: Path) -> Manifest | None:
    """That of an earlier build; None for one that is damaged, or another version's."""
    if not path.is_file():
        return None
    try:
        return read_manifest(path)
    except ManifestError:
        return None


def built_image(client: Any, manifest: Manifest) -> Any:
    """The engine's image of a manifest, by its id and not by a tag that may have moved."""
    from .engine import find_image  # which brings the docker SDK: a manifest is read without it

    image = find_image(client, manifest.image_id) if manifest.image_id else None
    if image is None:
        there = [one.path for one in manifest.shipped.values()]
        lies = f" It was brought to {there[0]} on the cluster, or built there." if there else ""
        raise ImageRefused(
            f"The engine has no image {manifest.image_id or '(adopted, so without an id)'} for "
            f"{manifest.name}.{lies} Build it: `fcx image build --build-local`."
        )
    return image
