"""One Dockerfile becomes the one image for both sides, and its Manifest.

::

    Dockerfile, context, arguments -> recipe id -+
    base images, platform -----------------------+-> source id: is there an image of it already?
                                                                   | no
    engine builds: a new build id -> tag, labels, /etc/fcx/image.json
    probe inside, as a plain user -> Manifest -> edf/<name>.manifest.json
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..config import Settings
from ..files import EDF_FOLDER, manifest_path, write_whole
from ..parity.manifest import SEALED, Manifest
from ..parity.snapshot import Snapshot
from ..protocol import probe
from ..records import replace as altered
from . import check
from .bases import Platforms, base_images
from .builder import find_builder
from .context import RECORD_STEP, RESERVED
from .describe import describe
from .emulation import require_emulation
from .engine import connect, engine_errors, find_image, images_with, local_platform
from .identity import BUILD_LABEL, SOURCE_LABEL, Identity
from .importable import failing_imports, import_warnings, required_names
from .manifests import earlier_manifest
from .order import Order, run_build
from .plan import Plan
from .progress import Progress, Silent
from .request import Request
from .source import source_of
from .tree import DEFAULT_PATH

BAKE = f"\n{RECORD_STEP}\n"

NOT_ASKED = (
    "The image is for {0}, which does not run here: what it has was read from its files, and "
    "whether it can import what was installed is not known. `docker run --privileged --rm "
    "tonistiigi/binfmt --install {1}` has the engine emulate it; then build again with --no-cache."
)


@dataclass(frozen=True)
class Built:
    """What came of a build; ``fresh`` is false where nothing had changed since the last one.

    ``filled`` has the build arguments that fcx has set.
    """

    manifest: Manifest
    path: Path
    fresh: bool
    warnings: tuple[str, ...]
    filled: Mapping[str, str]


def build(request: Request, settings: Settings, progress: Progress | None = None) -> Built:
    """Build the image, or find it unchanged; write and return its Manifest.

    Raises UsageError for the context or the Dockerfile, EngineError and its kin for the rest.
    """
    shown = progress or Silent()
    folder = settings.root / EDF_FOLDER
    plan = Plan.from_request(request, folder)
    path = manifest_path(request.name, folder)
    said: list[str] = []
    with closing(connect()) as client:
        known = earlier_manifest(path)
        image, identity, fresh = _image(client, plan, known, shown)
        manifest = (
            known if known and not fresh and _is_of(known, image, identity, request) else None
        )
        source = source_of(plan, settings.root)
        if manifest is not None and manifest.source != source:  # no other image comes of it
            manifest = altered(manifest, source=source)
            write_whole(path, manifest.to_json())
        if manifest is None:
            shown.step("Asking the image what it is")
            manifest = describe(client, image, identity, source, request.platform, request.python)
            names = required_names(plan.context)
            failing = failing_imports(client, image, manifest.python.executable, names)
            said.extend(import_warnings(failing))
            if not manifest.machine:
                said.append(NOT_ASKED.format(manifest.platform, manifest.architecture))
            write_whole(path, manifest.to_json())
        _tag(image, request)
    return Built(
        manifest, path, fresh, (*said, *warnings_of(plan, manifest, settings)), plan.filled
    )


def _image(
    client: Any, plan: Plan, known: Manifest | None, progress: Progress
) -> tuple[Any, Identity, bool]:
    """The image, who it is, and whether it had to be built."""
    request = plan.request
    local = local_platform(client)
    platform = request.platform or local
    foreign = "" if platform == local else platform
    plan = plan.on(local)
    if plan.needs_more:  # before anything is pulled; where nothing is to be built nobody is asked
        find_builder(client).require(plan.recipe.file, request.secrets)
    if foreign and plan.recipe.runs:
        require_emulation(client, platform)
    platforms = Platforms(local, platform)
    bases = base_images(client, plan.recipe, platforms, pull=request.pull, progress=progress)
    identity = Identity.of(plan, bases, platform)
    image = None if request.no_cache else _same_source(client, identity, known)
    if image is not None:
        return image, replace(identity, build_id=image.labels[BUILD_LABEL]), False
    builder = find_builder(client)
    return run_build(client, builder, _order(plan, identity, foreign), progress), identity, True


def _same_source(client: Any, identity: Identity, known: Manifest | None) -> Any | None:
    """An image of this source and name: the manifest's, else the newest.

    Whatever is derived from one has its labels too, but not its tag.
    """
    found = []
    for image in images_with(client, SOURCE_LABEL, identity.source_id):
        tag = replace(identity, build_id=image.labels.get(BUILD_LABEL, "")).tag
        tagged = find_image(client, tag)
        if tagged is not None and tagged.id == image.id:
            found.append(image)
    found.sort(key=lambda image: str(image.attrs.get("Created", "")), reverse=True)
    own = known.image_id if known else ""
    return next((image for image in found if image.id == own), found[0] if found else None)


def baked(plan: Plan, identity: Identity) -> dict[str, bytes]:
    """The files that make the image say who it is: what is built, and the record in it."""
    text = plan.recipe.text + BAKE + identity.label_line()
    dockerfile = text.encode("utf-8", "surrogateescape")
    return {"Dockerfile": dockerfile, "image.json": identity.record()}


def _order(plan: Plan, identity: Identity, platform: str) -> Order:
    files = {
        **plan.files,
        **baked(plan, identity),
    }
    return Order(
        context=plan.context.with_files(files),
        dockerfile=f"{RESERVED}/Dockerfile",
        tag=identity.tag,
        platform=platform,
        no_cache=plan.request.no_cache,
        build_args=plan.build_args,
        automatic=plan.recipe.automatic,
        secrets=plan.request.secrets,
    )


def _is_of(manifest: Manifest, image: Any, identity: Identity, request: Request) -> bool:
    """Whether the manifest is the one of exactly this image, with all that this fcx notes."""
    same = (manifest.build_id, manifest.image_id) == (identity.build_id, image.id)
    found = manifest.python.executable
    on_path = posixpath.dirname(found) in manifest.env.get("PATH", DEFAULT_PATH).split(":")
    same = same and (found == request.python if request.python else on_path)
    return same and manifest.source is not None and manifest.schema >= SEALED


def _tag(image: Any, request: Request) -> None:
    """The names for people; fcx itself goes by id."""
    with engine_errors("Tagging the image"):
        for tag in {"latest", request.tag or "latest"}:
            image.tag(request.name, tag)


def warnings_of(plan: Plan, manifest: Manifest, settings: Settings) -> Iterator[str]:
    """What is to be said of an image that was built of a plan."""
    yield from plan.warnings()
    yield from check.secret_warnings(plan.request.build_args, manifest.env)
    yield from check.client_warnings(
        manifest, Snapshot.from_probe(probe.snapshot()), plan.recipe.arguments
    )
    finding = check.architecture_finding(manifest, check.target_site(settings, os.environ))
    if finding:
        yield finding
