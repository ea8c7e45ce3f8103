"""Generate the EDF of an image: what it must say so that only the image decides what runs.

``rewrite`` then puts it into a file, which may hold lines of the user's own.
"""

from __future__ import annotations

import re

from ..config import EdfSettings, Site
from ..errors import ParityError, UsageError
from ..parity.manifest import Manifest
from .document import Edf
from .layout import MARK
from .mounts import written_out
from .reference import Reference
from .schema import leaves
from .variables import literal

LEAKING = (
    "PYTHONPATH",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "VIRTUAL_ENV",
    "CONDA_PREFIX",
    "CONDA_DEFAULT_ENV",
    "PYTHONHOME",
    "PYTHONSTARTUP",
    "PYTHONUSERBASE",
    "OMP_NUM_THREADS",
    "OMP_PROC_BIND",
    "OMP_PLACES",
)
"""Variables of the submitting shell that must not reach the image; unset unless it sets them."""

_BUILD = re.compile(r"^#:? build id: +([0-9a-f]{64})\s*$", re.MULTILINE)
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def generate(
    manifest: Manifest,
    site: Site,
    settings: EdfSettings,
    working_dir: str = "",
    *,
    sqsh: str = "",
    dialect: str = "",
) -> Edf:
    """The EDF for an image at a site; ``working_dir`` defaults to the scratch of a known site.

    Raises ParityError if the image is for another architecture than the site's, UsageError if
    the dialect cannot name the image.
    """
    refuse_architecture(manifest, site)
    engine = dialect or site.engine
    place = working_dir or _scratch(site)
    mounts = [f"{place}:{place}"] if place else []
    annotations = {".".join(path): value for path, value in leaves(settings.annotations)}
    return Edf(
        image=_image(manifest, settings, sqsh, engine),
        workdir=settings.workdir or place or None,
        entrypoint=False,
        writable=settings.writable,
        mounts=tuple(dict.fromkeys((*mounts, *map(written_out, settings.mounts)))),
        env={**environment(manifest, engine), **settings.env},
        annotations={name: _text(value) for name, value in annotations.items()},
    )


def _scratch(site: Site) -> str:
    """Scratch of a site that is described; of others nothing is known, not even the variable."""
    described = site.architecture or site.scratch != Site("").scratch
    return site.scratch if described else ""


def refuse_architecture(manifest: Manifest, site: Site) -> None:
    """Raise ParityError if both architectures are known and differ."""
    wanted, found = site.architecture, manifest.architecture
    if wanted and found and wanted != found:
        message = (
            f"the image {manifest.name} is for another processor than {site.name}: wanted "
            f"{wanted}, found {found}. Build it with `fcx image build --platform linux/{wanted}`, "
            "or name the site that it is for with --site."
        )
        raise ParityError(message)


def environment(manifest: Manifest, dialect: str = "ce") -> dict[str, str]:
    """``[env]`` that keeps the submitting shell out: see the module's constants."""
    entries = manifest.env.get("PATH", "").split(":")
    path = ":".join(entry for entry in entries if entry.startswith("/")) or SYSTEM_PATH
    env = {"PATH": literal(path, dialect), "PYTHONNOUSERSITE": "1"}
    version = re.match(r"(\d+)\.(\d+)", manifest.python.version)
    if version and (int(version[1]), int(version[2])) >= (3, 11):
        env["PYTHONSAFEPATH"] = "1"
    return env | {name: "" for name in LEAKING if name not in manifest.env}


def header(manifest: Manifest, site: Site, version: str) -> list[str]:
    """The lines on top of a generated file: which image, and whose the lines are."""
    where = f", for {site.name}" if site.name else ""
    made = f"Made by `fcx edf write` (fcx {version}) of the image {manifest.name}"
    return [
        f"{made} ({manifest.platform}){where}.",
        f"build id:  {manifest.build_id or 'none, fcx did not build it'}",
        f"recipe id: {manifest.recipe_id or 'none'}",
        f"Lines that end in `# {MARK}` are renewed by the next `fcx edf write`. Take the mark off",
        "a line to keep it as it is; all other lines are yours and stay.",
    ]


def written_for(text: str) -> str:
    """The build id that ``header`` put on top of an EDF; empty where there is none."""
    found = _BUILD.search(text)
    return found[1] if found else ""


def reach(manifest: Manifest, settings: EdfSettings, sqsh: str = "") -> str:
    """Why the cluster cannot get at the image as it is named now; empty if it can, perhaps."""
    if sqsh or settings.image or manifest.repo_digest:
        return ""
    if manifest.sqsh:
        return (
            f"the image is the file {manifest.sqsh.path} of this machine; copy it to the cluster "
            "and say where with --sqsh PATH or `image` in [edf] of fcx.toml"
        )
    if manifest.origin == "adopted":
        return (
            f"{manifest.name} was adopted: fcx does not know where its image lies. Name it "
            "as `image` in [edf] of fcx.toml, or keep the EDF that it came with"
        )
    return (
        "the image is on this machine only; push it (`fcx image push REGISTRY/NAME`) or pack it "
        "(`fcx image pack`), then run `fcx edf write` again"
    )


def _image(manifest: Manifest, settings: EdfSettings, sqsh: str, dialect: str) -> str:
    packed = manifest.sqsh.path if manifest.sqsh else ""
    tag = manifest.tag or f"{manifest.name}:{manifest.build_id[:12] or 'latest'}"
    image = sqsh or settings.image or manifest.repo_digest or packed or tag
    parsed = Reference.parse(image)
    if parsed.path and dialect == "sarus":
        message = (
            f"Sarus takes no image file, only a reference to a registry, and the image is {image}."
            " Push it with `fcx image push REGISTRY/NAME`, then write the EDF again."
        )
        raise UsageError(message)
    return parsed.spelt(dialect)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
