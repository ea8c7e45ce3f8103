"""Entrypoint left to chance, a workdir that is no path, bytes that cannot be, names of bases."""

from __future__ import annotations

import re
from collections.abc import Iterator

from . import fixes
from .context import ERROR, NOTE, RELATIVE, WARNING, Context, Hit, is_rooted, tilde


def settings(context: Context) -> Iterator[Hit]:
    """Entrypoint left to chance, a workdir that is no path, bytes that cannot be."""
    whole = context.whole
    if context.sarus and whole and whole.image and whole.entrypoint is None:
        what, why = "entrypoint is not said", "Sarus then runs the image's; the CE does not"
        fix = f"{fixes.top('entrypoint', data=False)} (true, if the image needs it)"
        yield Hit(("image",), "entrypoint-unsaid", NOTE, what, why, fix)
    workdir = context.edf.workdir
    if workdir and workdir.startswith("~"):
        yield tilde(("workdir",), "workdir")
    elif workdir and not is_rooted(workdir):
        what = "workdir is not absolute"
        yield Hit(("workdir",), "workdir-relative", WARNING, what, RELATIVE, "write it from /")
    for path, text in context.strings():
        if "\0" in text or (path[0] == "env" and re.search(r"[=\0]|^$", str(path[1]))):
            what, why = "a NUL, or '=' in a name", "no process can be given such a variable"
            yield Hit(path, "env-name", ERROR, what, why, fixes.OUT)


def bases(context: Context) -> Iterator[Hit]:
    """Names of bases that one engine takes for a path and another for a name."""
    given = context.data.get("base_environment", [])
    single = isinstance(given, str)
    for number, name in enumerate([given] if single else given):
        path = ("base_environment",) if single else ("base_environment", number)
        if not isinstance(name, str) or not name or name.startswith(("/", "$", "./", "../")):
            continue
        if name.startswith("~"):
            yield tilde(path, "base_environment")
        elif name.endswith(".toml") or ("/" in name and not context.sarus):
            what = f"{name} has no ./ before it"
            why = "it may be looked for as a name in EDF_PATH or ~/.edf, .toml at its end and all"
            fix = fixes.item(f"./{name}")
            if "/" not in name:
                fix += f", or for the one in EDF_PATH {fixes.item(name.removesuffix('.toml'))}"
            yield Hit(path, "base-relative", WARNING, what, why, fix)
