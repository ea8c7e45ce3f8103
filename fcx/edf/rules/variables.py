"""Variables that are not braced, not defined, or refer to one another, as the CE sees them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..toml import Path
from ..variables import VARIABLE
from . import fixes
from .context import ERROR, NOTE, WARNING, Context, Hit

WELL_KNOWN = {
    *("SCRATCH", "USER", "HOME", "PWD", "PATH", "STORE", "PROJECT", "SHELL", "LANG", "LOGNAME"),
    *("HOSTNAME", "TMPDIR", "CLUSTER_NAME", "EDF_PATH"),
}
"""Variables that a shell on a CSCS system has; ``SLURM_*`` count as well."""


def variables(context: Context) -> Iterator[Hit]:
    """Variables that are not braced, not defined, or not what the CE expands."""
    if context.sarus:
        return  # Bash expands them there: see that rule
    for path, text in context.strings():
        for match in VARIABLE.finditer(text):
            if match["bare"]:
                what, why = f"{match[0]} has no braces", "the CE takes it as it stands"
                braced = "${" + match["bare"] + "}"
                fix = f"{fixes.instead(braced, match[0])}, or $$ for a dollar sign"
                yield Hit(path, "unbraced-variable", WARNING, what, why, fix, match[0])
            elif match["command"]:
                what, why = "a command in $( )", "no engine runs it"
                fix = "write its result, or export a variable and name that"
                yield Hit(path, "command-substitution", WARNING, what, why, fix, "$(")
            elif match["odd"]:
                yield _odd(path, match[0])
            elif match["name"]:
                yield from _named(context, path, match)


def _odd(path: Path, piece: str) -> Hit:
    what, why = f"{piece} is no variable", "only ${NAME} and ${NAME:-default} are"
    simple = re.fullmatch(r"\$\{(\w+)(?:-(.*))?\}", piece)
    unclosed = re.fullmatch(r"\$\{([A-Za-z_]\w*)", piece)
    if simple and simple[2] is not None:
        fix = fixes.instead(f"${{{simple[1]}:-{simple[2]}}}", piece)
    elif unclosed:
        fix = fixes.instead(f"${{{unclosed[1]}}}", piece)
    else:
        fix = fixes.instead("$" + piece, piece) + " for the characters themselves"
    return Hit(path, "odd-variable", WARNING, what, why, fix, piece)


def _named(context: Context, path: Path, match: re.Match[str]) -> Iterator[Hit]:
    name = match["name"]
    if own := refers(context, path, name, match[0]):
        yield own
        return
    if match["default"] is None:
        yield from undefined(context, path, name, match[0])


def refers(context: Context, path: Path, name: str, piece: str) -> Hit | None:
    """An entry of ``[env]`` that refers to another one."""
    env = (context.whole or context.edf).env
    if path[0] != "env" or name not in env or path[-1] == name:
        return None
    what = f"{piece} is another entry of [env]"
    why = "entries cannot see each other: the host's value is taken, if it has one"
    plain = "$" not in env[name] and "\n" not in env[name] and env[name]
    fix = fixes.instead(env[name], piece) if plain else "write the value out"
    return Hit(path, "env-refers-env", WARNING, what, why, fix, piece)


def undefined(context: Context, path: Path, name: str, piece: str) -> Iterator[Hit]:
    """A variable that is not there, or may not be; the image's own are."""
    if context.manifest is not None and name in context.manifest.env:
        return
    why = "an undefined variable is an error"
    if context.sarus:
        why = "the whole value is empty with an undefined variable"
    fix = "export it before srun"
    if path[0] in ("env", "annotations"):
        fix += f", or {fixes.instead(f'${{{name}:-}}', piece)} if it may be missing"
    else:
        fix += ", or write the path out"
    if context.variables is not None:
        if name not in context.variables:
            what = f"{piece} is not defined on this machine"
            severity = WARNING if context.sarus else ERROR
            yield Hit(path, "undefined-variable", severity, what, why, fix, piece)
    elif name not in WELL_KNOWN and not name.startswith("SLURM_"):
        yield Hit(path, "undefined-variable", NOTE, f"{piece} may be undefined", why, fix, piece)
