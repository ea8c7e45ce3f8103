"""What every rule is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ...config import Site
from ...parity.manifest import Manifest
from ..document import Edf
from ..index import Index
from ..mounts import Mount
from ..schema import KEYS, leaves
from ..toml import Path
from ..variables import expand
from .fixes import instead

ERROR, WARNING, NOTE = "error", "warning", "note"
"""The engine cannot run it; it does not do what it says; it does, and may surprise later."""


class Hit(NamedTuple):
    """What a rule found; ``needle`` is the part of the value that the position should point at."""

    path: Path
    code: str
    severity: str
    what: str
    why: str
    fix: str
    needle: str = ""


@dataclass(frozen=True)
class Context:
    """What the rules look at, for one engine.

    ``whole`` is the merged EDF, None where a base of it is absent; ``bases`` are those that were
    found, at whatever level. ``generated`` is the file of fcx's own that lies beside, ``build_id``
    the build that it was written for, by whichever of its files says so.
    """

    data: Mapping[str, Any]
    edf: Edf
    whole: Edf | None
    bases: tuple[Edf, ...]
    index: Index
    dialect: str
    site: Site | None = None
    manifest: Manifest | None = None
    variables: Mapping[str, str] | None = None
    exists: Callable[[str], bool] | None = None
    generated: Edf | None = None
    build_id: str = ""

    @property
    def sarus(self) -> bool:
        """Whether it is for `srun --edf` rather than for `srun --environment`."""
        return self.dialect == "sarus"

    def strings(self) -> Iterator[tuple[Path, str]]:
        """Every string of the file in which variables are expanded, with its path."""
        for name, value in self.data.items():
            if name not in KEYS:
                continue
            if isinstance(value, str):
                yield (name,), value
            elif isinstance(value, list):
                yield from (((name, n), item) for n, item in enumerate(value) if item is not None)
            elif isinstance(value, dict):
                found = leaves(value)
                yield from (((name, *path), leaf) for path, leaf in found if isinstance(leaf, str))

    def mounts(self) -> Iterator[tuple[Path, str, Mount | None]]:
        """Every mount with its path and as it was written; None where it is no mount."""
        for number, text in enumerate(self.data.get("mounts", ())):
            if text is not None:
                yield ("mounts", number), text, Mount.parse(text)

    def missing(self, path: str) -> str:
        """The expanded path if this machine can tell that it is absent; else empty."""
        if self.exists is None or not path.startswith(("/", "$")):
            return ""
        real = expand(path, self.variables or {}).replace("$$", "$")
        return real if real.startswith("/") and not self.exists(real) else ""


RELATIVE = "it is looked for in the folder that srun is called in, not beside the EDF"
"""Why a relative path surprises."""


def is_rooted(path: str) -> bool:
    """Whether a path begins at the root, or with what may be replaced by one that does."""
    return path.startswith(("/", "$", "<", "{", "@", "%", "__"))


def tilde(path: Path, name: str) -> Hit:
    """What is said of a path that begins with ``~``."""
    what, why = f"~ in {name}", "engines expand variables, not ~"
    return Hit(path, "tilde", WARNING, what, why, instead("${HOME}", "~"), "~")
