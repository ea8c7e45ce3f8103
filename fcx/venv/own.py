"""What of an environment is fcx itself: its wheel, and the distributions that it needs."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from ..files import write_whole
from ..image.wheel import fcx_wheel
from ..install import NAME
from ..protocol.probe import normalised

_LINE = re.compile(r"\s*([\w.-]+)\s*(?:\[([^\]]*)\])?")
_EXTRA = re.compile(r"""extra\s*==\s*['"]([\w.-]+)""")


@dataclass(frozen=True)
class Wheel:
    """The fcx that runs, in a file that pip and uv take without asking an index."""

    name: str
    content: bytes

    @classmethod
    def running(cls) -> Wheel:
        """Made of the running files, an editable install's too: it is this very fcx."""
        return cls(*fcx_wheel())

    @property
    def digest(self) -> str:
        """The same files have the same."""
        return hashlib.sha256(self.content).hexdigest()

    def put(self, folder: Path) -> Path:
        """Keep it in an environment, where the hint how to install fcx finds it later."""
        place = folder / "share/fcx"
        for old in place.glob("*.whl"):
            old.unlink()
        write_whole(place / self.name, self.content)
        return place / self.name


def version() -> str:
    """Of the running fcx."""
    return metadata.version(NAME)


def requirements() -> list[str]:
    """What the running fcx asks for, as lines for pip."""
    return [line for line in metadata.requires(NAME) or [] if not _EXTRA.search(line)]


def closure() -> frozenset[str]:
    """fcx and every distribution that it needs, as they are in the environment that runs it.

    Markers of platforms are not looked at: what may be needed is kept.
    """
    seen: set[tuple[str, str]] = set()
    queue = [(NAME, "")]
    while queue:
        one = queue.pop()
        if one not in seen:
            seen.add(one)
            queue += _below(*one)
    return frozenset(name for name, _ in seen)


def _below(name: str, extra: str) -> Iterator[tuple[str, str]]:
    """What a distribution needs, without or for one of its extras: (name, extra)."""
    try:
        lines = metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return
    for line in lines:
        asked, found = _EXTRA.search(line), _LINE.match(line)
        if found and (normalised(asked[1]) if asked else "") == extra:
            below = normalised(found[1])
            yield below, ""
            for word in filter(None, (found[2] or "").replace(" ", "").split(",")):
                yield below, normalised(word)
