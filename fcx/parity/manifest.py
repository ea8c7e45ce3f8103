"""What an image is and contains (pure): JSON on disk, a Manifest in Python.

It is checked once, as it is read; a file that is damaged or was written by a newer fcx raises
ManifestError and never becomes half a Manifest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from ..records import Misfit, Struct
from .reading import damaged, parse, read, render
from .snapshot import Interpreter, Modules, Snapshot, Text


class Sqsh(Struct, frozen=True):
    """A packed image: where it was written and the SHA-256 of its bytes, in hex."""

    path: Text
    sha256: Text


class Manifest(Struct, frozen=True):
    """What an image is and contains: written after the build, or adopted from a remote side.

    ``architecture`` is what the interpreter's ELF header says, whatever the image's record claims.
    ``size`` is in bytes; ``created`` is an ISO 8601 time. Ids are empty where there are none (an
    adopted image that fcx did not build).
    """

    name: Text
    architecture: Text
    python: Interpreter
    dill: str | None
    distributions: Mapping[str, str]
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
    created: str = ""
    size: int = 0
    env: Mapping[str, str] = {}
    modules: Modules | None = None  # None: not known (made by an older fcx)

    @property
    def platform(self) -> str:
        """``linux/<architecture>``."""
        return f"linux/{self.architecture}"

    @classmethod
    def from_json(cls, text: str | bytes, where: str = "the manifest") -> Manifest:
        """Read a manifest; ``where`` names it in errors. Raises ManifestError."""
        values = parse(text, where, "Make it again.")
        manifest = read(cls, values, where)
        for key, wanted in _ALWAYS_WRITTEN.items():
            if key not in values:
                raise damaged(where, Misfit(key, wanted, None))
        return manifest

    @classmethod
    def adopt(cls, name: str, snapshot: Snapshot, env: Mapping[str, str] | None = None) -> Manifest:
        """The manifest of an image that fcx did not build, from what the probe found in it."""
        return cls(
            name=name,
            architecture=snapshot.architecture,
            origin="adopted",
            recipe_id=snapshot.recipe_id or "",
            build_id=snapshot.build_id or "",
            env=dict(env or {}),
            **snapshot_fields(snapshot),
        )

    def to_json(self) -> str:
        """Indented JSON with sorted keys, so that versions of it can be compared line by line."""
        return render(self)


_ALWAYS_WRITTEN = {
    "origin": "built or adopted",
    "size": "a whole number",
    "env": "an object of strings",
}
"""Keys that have a default only for whoever makes a Manifest in Python."""


def snapshot_fields(snapshot: Snapshot) -> dict[str, Any]:
    """The fields that a Manifest takes over from a Snapshot as they are."""
    names = ("python", "dill", "distributions", "libc", "os", "locale", "timezone", "encoding")
    return {name: getattr(snapshot, name) for name in (*names, "modules")}
