"""Generate the EDF of an image: what it must say so that only the image decides what runs.

``write`` puts it into a file of its own, on which the user's is based.
"""

from __future__ import annotations

import re

from ..config import Site
from ..errors import ParityError, UsageError
from ..files import plain_name
from ..parity.manifest import Manifest
from .document import Edf
from .pair import WHOLE
from .reference import Reference
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

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def generate(
    manifest: Manifest,
    site: Site,
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
    return Edf(
        image=_image(manifest, sqsh or shipped(manifest, site, engine), engine),
        workdir=place or None,
        entrypoint=False,
        writable=True,
        mounts=(f"{place}:{place}",) if place else (),
        env=environment(manifest, engine),
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


def header(manifest: Manifest, site: Site, version: str, users: str) -> list[str]:
    """The lines on top of a generated file: of which image, and in which file the user adds."""
    where = f", for {site.name}" if site.name else ""
    return [
        f"{WHOLE} (fcx {version}), each time it is called:",
        f"leave it as it is, and put what you add into {users}, which is based on it.",
        f"image:     {manifest.name} ({manifest.platform}){where}",
        f"build id:  {manifest.build_id or 'none, fcx did not build it'}",
        f"recipe id: {manifest.recipe_id or 'none'}",
    ]


def reach(manifest: Manifest, named: str = "") -> str:
    """Why the cluster cannot get at the image; empty if it can, perhaps.

    ``named``: the image that the user gives by another name than the manifest's.
    """
    if named or manifest.repo_digest:
        return ""
    if manifest.sqsh:
        return (
            f"the image is the file {manifest.sqsh.path} of this machine: `fcx image ship` brings "
            "it to the cluster and writes the EDF again; or copy it yourself, and say where with "
            f"--sqsh PATH, or as `image` in edf/{plain_name(manifest.name)}.toml"
        )
    if manifest.origin == "adopted":
        return (
            f"{manifest.name} was adopted: fcx does not know where its image lies. Name it "
            f"as `image` in edf/{plain_name(manifest.name)}.toml, or keep the EDF that it came with"
        )
    return (
        "the image is on this machine only, which will do for `fcx local up`; for another cluster "
        "ship it (`fcx image ship`), or push it (`fcx image push REGISTRY/NAME`) and run `fcx edf "
        "write` again"
    )


def shipped(manifest: Manifest, site: Site, dialect: str) -> str:
    """Where the image was shipped to at this site; Sarus takes no file, but what was pushed."""
    there = manifest.shipped.get(site.name)
    return there.path if there and dialect != "sarus" else ""


def _image(manifest: Manifest, sqsh: str, dialect: str) -> str:
    packed = manifest.sqsh.path if manifest.sqsh else ""
    tag = manifest.tag or f"{manifest.name}:{manifest.build_id[:12] or 'latest'}"
    image = sqsh or manifest.repo_digest or packed or tag
    parsed = Reference.parse(image)
    if parsed.path and dialect == "sarus":
        message = (
            f"Sarus takes no image file, only a reference to a registry, and the image is {image}."
            " Push it with `fcx image push REGISTRY/NAME`, then write the EDF again."
        )
        raise UsageError(message)
    return parsed.spelt(dialect)
