"""One entry of ``mounts``: source, target and flags, in every form that engines take."""

from __future__ import annotations

import re
from dataclasses import dataclass

_COLON = re.compile(r"\$\{[^}]*\}|(:)")


@dataclass(frozen=True)
class Mount:
    """Source, target and flags; ``tmpfs`` and ``umount`` are sources."""

    source: str
    target: str
    flags: tuple[str, ...] = ()
    single: bool = False  # one path that stands for both ends

    @classmethod
    def parse(cls, text: str) -> Mount | None:
        """Read ``SRC:DST[:FLAGS]`` or ``PATH``; None for what is neither."""
        parts = split(text)
        if len(parts) == 3 and not parts[2]:
            parts.pop()  # SRC:DST: has no flags
        if len(parts) > 3 or not all(parts):
            return None
        flags = tuple(parts[2].split("+")) if len(parts) == 3 else ()
        return cls(parts[0], parts[1] if len(parts) > 1 else parts[0], flags, len(parts) == 1)

    def __str__(self) -> str:
        return ":".join([self.source, self.target, *(["+".join(self.flags)] if self.flags else [])])


def split(text: str) -> list[str]:
    """Split at colons, but not at those within ``${NAME:-default}``."""
    cuts = [match.start() for match in _COLON.finditer(text) if match[1]]
    starts = [0, *(cut + 1 for cut in cuts)]
    return [text[a:b] for a, b in zip(starts, [*cuts, len(text)], strict=True)]


def written_out(text: str) -> str:
    """A mount with source and target written out; unchanged where it is no mount at all."""
    mount = Mount.parse(text)
    if mount is None or not mount.single:
        return text
    whole = Mount.parse(str(mount))
    return text if whole is None or whole.single else str(whole)
