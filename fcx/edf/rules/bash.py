"""What Bash makes of values: the Sarus suite has a restricted one expand them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..toml import Path
from . import fixes
from .context import ERROR, WARNING, Context, Hit
from .variables import refers, undefined

_PIECE = re.compile(
    r"\\(?P<escaped>.)|(?P<pid>\$\$)|(?P<command>\$\(|`)|(?P<banned>[;\"])"
    r"|\$\{(?P<name>[A-Za-z_]\w*)\}|\$(?P<bare>[A-Za-z_]\w*)|(?P<open>\$\{(?![^}]*\})\w*)",
    re.DOTALL,
)
_EXPORT = "export a variable before srun that holds the value, and name that: ${NAME}"


def bash(context: Context) -> Iterator[Hit]:
    """Characters that Sarus refuses in values, and what its Bash takes for something else."""
    for path, text in context.strings() if context.sarus else ():
        if path[0] == "image":
            continue
        for match in _PIECE.finditer(text):
            hit = _hit(path, text, match)
            if hit:
                yield hit
            elif name := match["name"] or match["bare"]:
                own = refers(context, path, name, match[0])
                yield from [own] if own else undefined(context, path, name, match[0])


def _hit(path: Path, text: str, match: re.Match[str]) -> Hit | None:
    piece = match[0]
    if match["command"]:
        what, why = f"a command in {piece}", "Sarus runs none, and refuses the file"
        fix = f"write its result, or {_EXPORT}"
        return Hit(path, "command-substitution", ERROR, what, why, fix, piece)
    if match["banned"]:
        what, why = f"{piece} in a value", "Sarus refuses it, lest a shell runs something"
        fix = _EXPORT
        if piece == '"':
            fix = fixes.item(re.sub(r'(?<!\\)"', r'\\"', text))
        return Hit(path, "refused-character", ERROR, what, why, fix, piece)
    if match["pid"]:
        what, why = "$$ is no dollar sign on Sarus", "its Bash puts the number of a process there"
        fix = fixes.item(text.replace("$$", r"\$"))
        return Hit(path, "dollar", WARNING, what, why, fix, "$$")
    if match["open"]:
        what, why = "${ without a }", "the whole value is then empty"
        fix = fixes.instead(piece + "}", piece)
        return Hit(path, "odd-variable", ERROR, what, why, fix, piece)
    return None
