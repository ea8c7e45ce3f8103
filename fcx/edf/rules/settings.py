"""Entrypoint left to chance, a workdir that is no path, placeholders, bytes that cannot be."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .context import ERROR, RELATIVE, WARNING, Context, Hit, tilde

_PLACEHOLDER = re.compile(r"<[^<>]+>|(?i:/path/to/)")


def settings(context: Context) -> Iterator[Hit]:
    """Entrypoint left to chance, a workdir that is no path, placeholders, bytes that cannot be."""
    whole = context.whole
    if whole and whole.image and whole.entrypoint is None:
        what, why = (
            "entrypoint is not said",
            "one engine runs the image's entrypoint, another does not",
        )
        fix = "write entrypoint = false (or true, if the image needs it)"
        yield Hit(("image",), "entrypoint-unsaid", WARNING, what, why, fix)
    workdir = context.edf.workdir
    if workdir and workdir.startswith("~"):
        yield tilde(("workdir",), "workdir")
    elif workdir and not workdir.startswith(("/", "$")):
        what = "workdir is not absolute"
        yield Hit(("workdir",), "workdir-relative", WARNING, what, RELATIVE, "write it from /")
    for path, text in context.strings():
        found = _PLACEHOLDER.search(text)
        if found and path[0] != "env":
            what, why = f"{found[0]} is a placeholder", "it was meant to be replaced"
            fix = "put your own value in its place"
            yield Hit(path, "placeholder", WARNING, what, why, fix, found[0])
        if "\0" in text or (path[0] == "env" and re.search(r"[=\0]|^$", str(path[1]))):
            what, why = "a NUL, or '=' in a name", "no process can be given such a variable"
            yield Hit(path, "env-name", ERROR, what, why, "take it out")
