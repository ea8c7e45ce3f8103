"""Values that were meant to be replaced."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..variables import VARIABLE
from .context import WARNING, Context, Hit

_ANYWHERE = re.compile(
    r"\{\{[^{}]*\}\}|(?<![$\w])\{[A-Za-z_][\w-]*\}"
    r"|%[A-Z][A-Z_]{2,}%|@[A-Z][A-Z_]{2,}@|__[A-Z][A-Z_]+[A-Z]__"
    r"|(?<![A-Za-z])MY[_-](?:USER(?:NAME)?|PROJECT|ACCOUNT|GROUP|IMAGE|NAME|PATH|TEAM)(?!\w)"
    r"|(?i:(?<![a-z])your[_-][a-z]\w*)"
    r"|(?i:(?<![a-z])(?:change|replace|fill)[_-]?(?:me|this|in)(?![a-z]))"
    r"|(?<![A-Za-z])(?:USERNAME|TODO|FIXME|X{3,})(?![A-Za-z])"
)
_IN_PATHS = re.compile(
    r"<[^<>]+>|(?i:/path/to/)|(?<=/)\.\.\.(?=/|$)|^\.\.\.$|\[(?i:user|project)[^\]]*\]"
)


def placeholders(context: Context) -> Iterator[Hit]:
    """What stands for a value of one's own; in ``[env]`` only what can be nothing else."""
    for path, text in context.strings():
        bare = VARIABLE.sub(lambda match: " " * len(match[0]), text)
        found = _ANYWHERE.search(bare)
        if not found and path[0] != "env":
            found = _IN_PATHS.search(bare)
        if found:
            what, why = f"{found[0]} is a placeholder", "it was meant to be replaced"
            fix = "put your own value in its place"
            yield Hit(path, "placeholder", WARNING, what, why, fix, found[0])
