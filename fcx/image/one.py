"""One Dockerfile becomes the one image for both sides, and its Manifest.

::

    Dockerfile, context, arguments -> recipe id -+
    base images, platform ---------------------- +-> build id -> tag, labels, /etc/fcx/image.json
                                                                   |
    engine builds (unless that tag is there already) <-------------+
    probe inside, as a plain user -> Manifest -> edf/<name>.manifest.json
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .. import __version__
from ..config import Settings
from ..errors import ConfigError, ImageRefused, ManifestError, UsageError
from ..parity.manifest import Manifest, Snapshot, docker_architecture, snapshot_fields
from ..protocol import probe
from . import check
from .build import Order, Progress, base_images, run_build
from .context import RESERVED, Context
from .engine import connect, engine_errors, find_image, local_platform
from .probe import image_env, probe_image
from .recipe import Recipe, build_id
from .wheel import fcx_wheel

BUILD_LABEL = "fcx.build-id"
RECIPE_LABEL = "fcx.recipe-id"
OCI = "org.opencontainers.image"
BAKE = f"\nCOPY {RESERVED}/image.json {probe.IMAGE_RECORD}\n"
NAME = re.compile(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*")
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY")


@dataclass(frozen=True)
class Request:
    """What to build: paths are absolute, ``name`` is the image's name without a tag."""

    context: Path
    dockerfile: Path
    name: str
    tag: str = ""
    platform: str = ""
    build_args: Mapping[str, str] = field(default_factory=dict)
    no_cache: bool = False
    pull: bool = False

    @classmethod
    def from_settings(
        cls,
        settings: Settings,
        *,
        context: Path | None = None,
        dockerfile: Path | None = None,
        tag: str = "",
        platform: str = "",
        build_args: Mapping[str, str] | None = None,
        no_cache: bool = False,
        pull: bool = False,
    ) -> Request:
        """Arguments first, then ``[image]``. Raises UsageError for what cannot be a name."""
        name, _, extra = (tag or settings.image.name).partition(":")
        if not NAME.fullmatch(name) or (extra and not re.fullmatch(r"\w[\w.-]{0,127}", extra)):
            raise UsageError(
                f"{tag or settings.image.name!r} cannot name an image: lower-case letters, digits "
                "and single . _ - between them, then perhaps :TAG."
            )
        folder = context or settings.root / settings.image.context
        own = folder / "Dockerfile"
        usual = own if context and own.is_file() else settings.root / settings.image.dockerfile
        return cls(
            context=folder.absolute(),
            dockerfile=(dockerfile or usual).absolute(),
            name=name,
            tag=extra,
            platform=_platform(platform or settings.image.platform),
            build_args={**settings.image.build_args, **(build_args or {})},
            no_cache=no_cache,
            pull=pull,
        )


@dataclass(frozen=True)
class Built:
    """What came of a build; ``fresh`` is false where nothing had changed since the last one."""

    manifest: Manifest
    path: Path
    fresh: bool
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """A request with everything that the source alone decides."""

    request: Request
    recipe: Recipe
    build_args: Mapping[str, str]
    files: Mapping[str, bytes]
    context: Context
    recipe_id: str

    @classmethod
    def from_request(cls, request: Request, without: Path) -> Plan:
        """Read Dockerfile and context; nothing here needs an engine."""
        text = _read_dockerfile(request.dockerfile)
        build_args = dict(request.build_args)
        recipe = Recipe.from_text(text, {**_host_args(), **build_args})
        for name, value in _host_args().items():
            if name in recipe.arguments and not (name != "DILL_VERSION" and _own_base(build_args)):
                build_args.setdefault(name, value)
        files = {}
        if ".fc" in text:  # a Dockerfile that takes fcx from the context names its folder there
            wheel, content = fcx_wheel()
            files[f"dist/{wheel}"] = content
        context = Context.from_folder(request.context, files, without)
        recipe_id = recipe.recipe_id(context.digest(), build_args)
        return cls(request, recipe, build_args, files, context, recipe_id)

    def warnings(self) -> Iterator[str]:
        """What the source alone gives reason to say."""
        yield from self.context.warnings
        for name in self.request.build_args:
            if name not in self.recipe.arguments and name.upper() not in PROXIES:
                yield (
                    f"The Dockerfile has no `ARG {name}`: the build argument changes the image's "
                    "id and nothing else."
                )


def build(
    request: Request, settings: Settings, progress: Progress | None = None, client: Any = None
) -> Built:
    """Build the image, or find it unchanged; write and return its Manifest.

    Raises UsageError for the context or the Dockerfile, EngineError and its kin for the rest.
    """
    plan = Plan.from_request(request, settings.root / "edf")
    if client is not None:
        return _build(plan, settings, progress or Progress(), client)
    with closing(connect()) as own:
        return _build(plan, settings, progress or Progress(), own)


def _build(plan: Plan, settings: Settings, progress: Progress, client: Any) -> Built:
    request = plan.request
    local = local_platform(client)
    platform = request.platform or local
    foreign = "" if platform == local else platform
    bases = base_images(client, plan.recipe.bases, foreign, pull=request.pull, progress=progress)
    ids = Ids.of(plan, bases, platform)
    path = manifest_path(settings, request.name)
    image = None if request.no_cache else _same_build(client, ids)
    known = _known(path, image, ids)
    fresh = image is None
    if image is None:
        image = run_build(client, _order(plan, ids, foreign), progress)
    if known is None:
        progress.step("Asking the image what it is")
        known = describe(client, image, ids)
        write_manifest(path, known)
    _tag(image, request)
    return Built(known, path, fresh, tuple(_warnings(plan, known, settings)))


@dataclass(frozen=True)
class Ids:
    """Who the image is: its ids, its unique tag and what it was made from."""

    name: str
    recipe_id: str
    build_id: str
    platform: str
    base: str
    base_id: str
    base_digest: str

    @classmethod
    def of(cls, plan: Plan, bases: Mapping[str, Any], platform: str) -> Ids:
        """Put the source, the bases' ids and the platform together."""
        base_ids = [bases[name].id if name in bases else name for name in plan.recipe.bases]
        base = plan.recipe.bases[0]
        digests = bases[base].attrs.get("RepoDigests") if base in bases else None
        return cls(
            name=plan.request.name,
            recipe_id=plan.recipe_id,
            build_id=build_id(plan.recipe_id, base_ids, platform),
            platform=platform,
            base=base,
            base_id=base_ids[0],
            base_digest=digests[0].partition("@")[2] if digests else "",
        )

    @property
    def tag(self) -> str:
        """A name that no other build has, so that no cache can serve a stale image under it."""
        return f"{self.name}:{self.build_id[:16]}"

    def record(self) -> bytes:
        """What the image carries in a file, for the probe to find."""
        record = {
            "schema": 1,
            "name": self.name,
            "recipe_id": self.recipe_id,
            "build_id": self.build_id,
            "platform": self.platform,
            "base_image": self.base,
            "base_image_id": self.base_id,
            "fcx": __version__,
        }
        return (json.dumps(record, indent=2) + "\n").encode()

    def labels(self) -> dict[str, str]:
        """The same for whoever inspects the image without running it."""
        labels = {
            f"{OCI}.title": self.name,
            f"{OCI}.version": self.build_id[:16],
            f"{OCI}.description": "Python and dill for fcx, the same on the laptop and the cluster",
            f"{OCI}.base.name": self.base,
            RECIPE_LABEL: self.recipe_id,
            BUILD_LABEL: self.build_id,
        }
        return labels | ({f"{OCI}.base.digest": self.base_digest} if self.base_digest else {})

    def label_line(self) -> str:
        """The labels as one instruction: one step, where the engine's own way takes one each."""
        return "LABEL " + " ".join(f"{k}={json.dumps(v)}" for k, v in self.labels().items()) + "\n"


def describe(client: Any, image: Any, ids: Ids) -> Manifest:
    """The Manifest of a built image. Raises ImageRefused for one that fcx cannot use."""
    found = probe_image(client, image)
    if isinstance(found, Snapshot):
        if found.build_id != ids.build_id:
            raise ImageRefused(
                f"The image carries the build id {found.build_id}, not {ids.build_id}: a step of "
                f"the Dockerfile overwrites {probe.IMAGE_RECORD}. Take that step out."
            )
        fields = snapshot_fields(found)
        architecture = found.architecture
    else:
        names = ("python", "dill", "distributions", "libc", "os")
        fields = {name: getattr(found, name) for name in names}
        architecture = found.architecture
    return Manifest(
        name=ids.name.rpartition("/")[2],
        architecture=architecture or docker_architecture(image.attrs.get("Architecture", "")),
        recipe_id=ids.recipe_id,
        build_id=ids.build_id,
        image_id=image.id,
        tag=ids.tag,
        base_image=ids.base,
        base_image_id=ids.base_id,
        created=image.attrs.get("Created", ""),
        size=int(image.attrs.get("Size", 0)),
        env=image_env(image),
        **fields,
    )


def manifest_path(settings: Settings, name: str = "") -> Path:
    """Where the manifest of an image is kept: ``edf/<name>.manifest.json``."""
    last = (name or settings.image.name).rpartition("/")[2].partition(":")[0]
    return settings.root / "edf" / f"{last}.manifest.json"


def read_manifest(settings: Settings, name: str = "") -> Manifest:
    """The manifest of an image that was built or adopted here. Raises ConfigError without one."""
    path = manifest_path(settings, name)
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(
            f"{path} is not there: the image has not been built here. `fcx image build` builds it; "
            "`fcx preflight --adopt NAME` takes one that is on the cluster already."
        ) from None
    return Manifest.from_json(text, str(path))


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write it whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    partial.write_text(manifest.to_json(), encoding="utf-8")
    partial.replace(path)


def built_image(client: Any, manifest: Manifest) -> Any:
    """The engine's image of a manifest, by its id and not by a tag that may have moved."""
    image = find_image(client, manifest.image_id) if manifest.image_id else None
    if image is None:
        raise ImageRefused(
            f"The engine has no image {manifest.image_id or '(adopted, so without an id)'} for "
            f"{manifest.name}. Build it: `fcx image build`."
        )
    return image


def record_digest(path: Path, manifest: Manifest, repo_digest: str) -> Manifest:
    """Note in the manifest where the image was pushed to, as ``REGISTRY/NAME@sha256:...``."""
    changed = replace(manifest, repo_digest=repo_digest)
    write_manifest(path, changed)
    return changed


def _read_dockerfile(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError(
            f"There is no Dockerfile at {path}. `fcx init` lays one out; --file names another."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read as a Dockerfile: {error}.") from error


def _platform(text: str) -> str:
    """``linux/arm64`` of ``linux/arm64/v8``, ``arm64`` or ``aarch64``; empty stays empty."""
    if not text:
        return ""
    parts = text.lower().split("/")
    system, machine = ("linux", parts[0]) if len(parts) == 1 else (parts[0], parts[1])
    if system != "linux" or not re.fullmatch(r"[a-z0-9_]+", machine):
        raise UsageError(f"{text!r} is no platform; write linux/amd64 or linux/arm64.")
    return f"linux/{docker_architecture(machine)}"


def _host_args() -> dict[str, str]:
    """The build arguments that follow the interpreter that runs fcx."""
    here = probe.snapshot()
    return {"PYTHON_VERSION": here["python"]["version"], "DILL_VERSION": here["dill"] or ""}


def _own_base(build_args: Mapping[str, str]) -> bool:
    """Whether the base is another than the usual one, so that its Python stays as it is."""
    return bool(build_args.get("BASE_IMAGE"))


def _order(plan: Plan, ids: Ids, platform: str) -> Order:
    files = {
        **plan.files,
        "Dockerfile": (plan.recipe.text + BAKE + ids.label_line()).encode(),
        "image.json": ids.record(),
    }
    return Order(
        context=plan.context.with_files(files),
        dockerfile=f"{RESERVED}/Dockerfile",
        tag=ids.tag,
        platform=platform,
        no_cache=plan.request.no_cache,
        build_args=plan.build_args,
    )


def _same_build(client: Any, ids: Ids) -> Any | None:
    image = find_image(client, ids.tag)
    return image if image and image.labels.get(BUILD_LABEL) == ids.build_id else None


def _known(path: Path, image: Any | None, ids: Ids) -> Manifest | None:
    """The manifest on disk if it is the one of exactly this image."""
    if image is None or not path.is_file():
        return None
    try:
        manifest = Manifest.from_json(path.read_bytes(), str(path))
    except ManifestError:
        return None  # damaged, or another version's: it is about to be written anew
    same = (manifest.build_id, manifest.image_id) == (ids.build_id, image.id)
    return manifest if same else None


def _tag(image: Any, request: Request) -> None:
    """The names for people; fcx itself goes by id."""
    with engine_errors("Tagging the image"):
        for tag in {"latest", request.tag or "latest"}:
            image.tag(request.name, tag)


def _warnings(plan: Plan, manifest: Manifest, settings: Settings) -> Iterator[str]:
    yield from plan.warnings()
    yield from check.secret_warnings(plan.request.build_args, manifest.env)
    yield from check.host_warnings(manifest, Snapshot.from_probe(probe.snapshot()))
    finding = check.architecture_finding(manifest, check.target_site(settings, os.environ))
    if finding:
        yield finding
