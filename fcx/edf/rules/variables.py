"""Variables that are not braced, not defined, or let the host's files in."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..toml import Path
from ..variables import VARIABLE
from .context import ERROR, WARNING, Context, Hit

WELL_KNOWN = {
    *("SCRATCH", "USER", "HOME", "PWD", "PATH", "STORE", "PROJECT", "SHELL", "LANG", "LOGNAME"),
    *("HOSTNAME", "TMPDIR", "CLUSTER_NAME", "EDF_PATH"),
}
"""Variables that a shell on a CSCS system has; ``SLURM_*`` count as well."""

SEARCH_PATHS = ("PATH", "LD_LIBRARY_PATH", "LD_PRELOAD", "PYTHONPATH")
"""Variables through which the host's files can get ahead of the image's."""


def variables(context: Context) -> Iterator[Hit]:
    """Variables that are not braced, not defined, or not what an engine expands."""
    for path, text in context.strings():
        for match in VARIABLE.finditer(text):
            if match["bare"] and context.dialect != "sarus":
                what, why = f"{match[0]} has no braces", "the CE takes it as it stands"
                fix = f"write ${{{match['bare']}}}, or $$ for a dollar sign"
                yield Hit(path, "unbraced-variable", WARNING, what, why, fix, match[0])
            elif match["command"]:
                what, why = "a command in $( )", "no engine runs it"
                fix = "write its result, or export a variable and name that"
                yield Hit(path, "command-substitution", WARNING, what, why, fix, "$(")
            elif match["odd"]:
                what, why = f"{match[0]} is no variable", "only ${NAME} and ${NAME:-default} are"
                fix = "write ${NAME:-default}, or $$ for a dollar sign"
                yield Hit(path, "odd-variable", WARNING, what, why, fix, match[0])
            elif match["name"]:
                yield from _defined(context, path, match)


def _defined(context: Context, path: Path, match: re.Match[str]) -> Iterator[Hit]:
    name, env = match["name"], (context.whole or context.edf).env
    if path[0] == "env" and name in env and path[-1] != name:
        what = f"{match[0]} is another entry of [env]"
        why = "entries cannot see each other: the host's value is taken, if it has one"
        fix = "write the value out"
        yield Hit(path, "env-refers-env", WARNING, what, why, fix, match[0])
        return
    in_image = context.manifest is not None and name in context.manifest.env
    if match["default"] is not None or in_image:
        return
    why, fix = "an undefined variable is an error", f"write ${{{name}:-}} if it may be missing"
    if context.variables is not None:
        if name not in context.variables:
            what = f"{match[0]} is not defined on this machine"
            yield Hit(path, "undefined-variable", ERROR, what, why, fix, match[0])
    elif name not in WELL_KNOWN and not name.startswith("SLURM_"):
        what = f"{match[0]} may be undefined"
        fix = f"export it before srun, or {fix}"
        yield Hit(path, "undefined-variable", WARNING, what, why, fix, match[0])


def search_paths(context: Context) -> Iterator[Hit]:
    """``PATH`` and its like, where they let the host's files in."""
    env = context.data.get("env", {})
    for name in SEARCH_PATHS:
        text = env.get(name)
        if not isinstance(text, str):
            continue
        for match in VARIABLE.finditer(text):
            if (match["name"] or match["bare"]) in SEARCH_PATHS:
                what = f"{name} takes in the host's {match[0]}"
                why = "programs and libraries of the host then run in place of the image's"
                fix = f"write {name} out, absolute; `fcx edf write` has the image's own"
                yield Hit(("env", name), "path-from-host", WARNING, what, why, fix, match[0])
        relative = [e for e in text.split(":") if not e.startswith(("/", "$"))]
        if name == "PATH" and relative:
            what = f"PATH has the entry {relative[0]!r}" if text else "PATH is unset"
            why = "programs are then looked for in the current folder, or not found at all"
            fix = "write absolute folders only"
            yield Hit(("env", name), "path-relative", WARNING, what, why, fix)
