"""What an image is and contains (pure): JSON on disk, a Manifest in Python.

It is checked once, as it is read; a file that is damaged or was written by a newer fcx raises
ManifestError and never becomes half a Manifest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal

from ..install import origin_url
from ..records import Misfit, Struct, replace
from .reading import damaged, parse, read, render
from .snapshot import Content, Interpreter, Modules, Snapshot, Text

SEALED = 2
"""The schema whose manifests all have a seal; an older one may have none."""


class Sqsh(Struct, frozen=True):
    """A packed image: where it was written and the SHA-256 of its bytes, in hex."""

    path: Text
    sha256: Text


class Shipped(Struct, frozen=True):
    """A packed image on a system: its path there, its SHA-256 and its size in bytes."""

    path: Text
    sha256: Text
    size: int


class Source(Struct, frozen=True):
    """What an image was built of: paths from the project's folder, and the SHA-256 of all of it.

    ``asked`` is that of build arguments and stage; empty where an older fcx has built it.
    """

    context: Text
    dockerfile: Text
    digest: Text
    asked: str = ""


class Manifest(Struct, frozen=True):
    """What an image is and contains: written after the build, or adopted from a remote side.

    ``architecture`` is what the interpreter's ELF header says, whatever the image's record claims.
    ``machine`` is what the kernel called itself to the probe, emulated or not; empty where the
    files alone were read. ``size`` is in bytes; ``created`` is an ISO 8601 time. Ids are empty
    where there are none (an adopted image that fcx did not build).
    """

    name: Text
    architecture: Text
    python: Interpreter
    dill: str | None
    distributions: Mapping[str, str]
    machine: str = ""
    libc: str = ""
    os: str = ""
    locale: str = ""
    timezone: str = ""
    encoding: str = ""
    origin: Literal["built", "adopted"] = "built"
    recipe_id: str = ""
    build_id: str = ""
    image_id: str = ""
    tag: str = ""
    base_image: str = ""
    base_image_id: str = ""
    repo_digest: str = ""
    sqsh: Sqsh | None = None
    shipped: Mapping[str, Shipped] = {}  # to systems, by their names
    created: str = ""
    size: int = 0
    env: Mapping[str, str] = {}
    modules: Modules | None = None  # None: not known (made by an older fcx)
    content: Content | None = None  # None: not known (adopted, or not run on the build machine)
    source: Source | None = None  # None: not known (adopted, or made by an older fcx)
    origins: Mapping[str, str] = {}  # URLs of distributions that come from no index
    schema: int = SEALED  # of the file; one before SEALED may be without a seal

    @property
    def platform(self) -> str:
        """``linux/<architecture>``."""
        return f"linux/{self.architecture}"

    @classmethod
    def from_json(cls, text: str | bytes, where: str = "the manifest") -> Manifest:
        """Read a manifest; ``where`` names it in errors. Raises ManifestError."""
        values = parse(text, where, "Make it again.")
        manifest = read(cls, values, where, SEALED)
        for key, wanted in _ALWAYS_WRITTEN.items():
            if key not in values:
                raise damaged(where, Misfit(key, wanted, None))
        if "seal" not in values and manifest.schema >= SEALED:
            raise damaged(where, Misfit("seal", f"there under schema {SEALED}", None))
        if values.get("seal", seal(values)) != seal(values):
            raise damaged(where, Misfit("seal", "that of what the file says", values["seal"]))
        return manifest

    @classmethod
    def adopt(cls, name: str, snapshot: Snapshot, env: Mapping[str, str] | None = None) -> Manifest:
        """The manifest of an image that fcx did not build, from what the probe found in it.

        What PYTHONPATH and the like were there is taken for the image's own: it may need them.
        """
        return cls(
            name=name,
            architecture=snapshot.architecture,
            machine=snapshot.arch.machine or "",
            origin="adopted",
            recipe_id=snapshot.recipe_id or "",
            build_id=snapshot.build_id or "",
            env=dict(env) if env is not None else _own(snapshot.live.leaking_env),
            **snapshot_fields(snapshot),
        )

    def to_json(self) -> str:
        """Indented JSON with sorted keys, so that versions of it can be compared line by line.

        The seal ties ids, content and the rest together: an edited one of them no longer fits.
        """
        whole = replace(self, schema=SEALED)
        return render(whole, seal=seal(json.loads(render(whole))))


def seal(values: Mapping[str, Any]) -> str:
    """SHA-256 of all that a manifest's JSON says, but for the seal itself."""
    rest = {name: value for name, value in values.items() if name != "seal"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


_ALWAYS_WRITTEN = {
    "origin": "built or adopted",
    "size": "a whole number",
    "env": "an object of strings",
}
"""Keys that have a default only for whoever makes a Manifest in Python."""


def _own(found: Mapping[str, str]) -> dict[str, str]:
    """The variables of a place that its image may need."""
    return {name: value for name, value in found.items() if name in ("PYTHONPATH", "PYTHONHOME")}


def snapshot_fields(snapshot: Snapshot) -> dict[str, Any]:
    """The fields that a Manifest takes over from a Snapshot as they are."""
    names = ("python", "dill", "distributions", "libc", "os", "locale", "timezone", "encoding")
    fields = {name: getattr(snapshot, name) for name in (*names, "modules", "content")}
    return {**fields, "origins": urls(snapshot.origins)}


def urls(origins: Mapping[str, str]) -> dict[str, str]:
    """{name: URL as pip takes it} of PEP 610's records; empty where one cannot be read."""
    return {name: _url(text) for name, text in origins.items()}


def _url(text: str) -> str:
    try:
        return origin_url(json.loads(text))
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        return ""
