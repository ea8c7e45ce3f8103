"""One Dockerfile becomes the one image for both sides, and its Manifest.

::

    Dockerfile, context, arguments -> recipe id -+
    base images, platform ---------------------- +-> build id -> tag, labels, /etc/fcx/image.json
                                                                   |
    engine builds (unless that tag is there already) <-------------+
    probe inside, as a plain user -> Manifest -> edf/<name>.manifest.json
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..config import Settings
from ..errors import ManifestError
from ..files import EDF_FOLDER, manifest_path, write_whole
from ..parity.manifest import Manifest
from ..parity.snapshot import Snapshot
from ..protocol import probe
from . import check
from .bases import base_images
from .context import RESERVED
from .describe import describe
from .engine import connect, engine_errors, find_image, local_platform
from .identity import BUILD_LABEL, Identity
from .order import Order, run_build
from .plan import Plan
from .progress import Progress, Silent
from .request import Request

BAKE = f"\nCOPY {RESERVED}/image.json {probe.IMAGE_RECORD}\n"


@dataclass(frozen=True)
class Built:
    """What came of a build; ``fresh`` is false where nothing had changed since the last one."""

    manifest: Manifest
    path: Path
    fresh: bool
    warnings: tuple[str, ...]


def build(request: Request, settings: Settings, progress: Progress | None = None) -> Built:
    """Build the image, or find it unchanged; write and return its Manifest.

    Raises UsageError for the context or the Dockerfile, EngineError and its kin for the rest.
    """
    shown = progress or Silent()
    folder = settings.root / EDF_FOLDER
    plan = Plan.from_request(request, folder)
    path = manifest_path(request.name, folder)
    with closing(connect()) as client:
        image, identity, fresh = _image(client, plan, shown)
        manifest = None if fresh else _known(path, image, identity)
        if manifest is None:
            shown.step("Asking the image what it is")
            manifest = describe(client, image, identity)
            write_whole(path, manifest.to_json())
        _tag(image, request)
    return Built(manifest, path, fresh, tuple(_warnings(plan, manifest, settings)))


def _image(client: Any, plan: Plan, progress: Progress) -> tuple[Any, Identity, bool]:
    """The image, who it is, and whether it had to be built."""
    request = plan.request
    local = local_platform(client)
    platform = request.platform or local
    foreign = "" if platform == local else platform
    bases = base_images(client, plan.recipe.bases, foreign, pull=request.pull, progress=progress)
    identity = Identity.of(plan, bases, platform)
    image = None if request.no_cache else _same_build(client, identity)
    if image is not None:
        return image, identity, False
    return run_build(client, _order(plan, identity, foreign), progress), identity, True


def _same_build(client: Any, identity: Identity) -> Any | None:
    image = find_image(client, identity.tag)
    return image if image and image.labels.get(BUILD_LABEL) == identity.build_id else None


def _order(plan: Plan, identity: Identity, platform: str) -> Order:
    files = {
        **plan.files,
        "Dockerfile": (plan.recipe.text + BAKE + identity.label_line()).encode(),
        "image.json": identity.record(),
    }
    return Order(
        context=plan.context.with_files(files),
        dockerfile=f"{RESERVED}/Dockerfile",
        tag=identity.tag,
        platform=platform,
        no_cache=plan.request.no_cache,
        build_args=plan.build_args,
    )


def _known(path: Path, image: Any, identity: Identity) -> Manifest | None:
    """The manifest on disk if it is the one of exactly this image."""
    if not path.is_file():
        return None
    try:
        manifest = Manifest.from_json(path.read_bytes(), str(path))
    except ManifestError:
        return None  # damaged, or another version's: it is about to be written anew
    same = (manifest.build_id, manifest.image_id) == (identity.build_id, image.id)
    return manifest if same else None


def _tag(image: Any, request: Request) -> None:
    """The names for people; fcx itself goes by id."""
    with engine_errors("Tagging the image"):
        for tag in {"latest", request.tag or "latest"}:
            image.tag(request.name, tag)


def _warnings(plan: Plan, manifest: Manifest, settings: Settings) -> Iterator[str]:
    yield from plan.warnings()
    yield from check.secret_warnings(plan.request.build_args, manifest.env)
    yield from check.client_warnings(manifest, Snapshot.from_probe(probe.snapshot()))
    finding = check.architecture_finding(manifest, check.target_site(settings, os.environ))
    if finding:
        yield finding
