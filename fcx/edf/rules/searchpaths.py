"""``PATH`` and its like, where they let the host's files in."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..generate import SYSTEM_PATH
from ..variables import VARIABLE, literal
from . import fixes
from .context import NOTE, WARNING, Context, Hit

SEARCH_PATHS = ("PATH", "LD_LIBRARY_PATH", "LD_PRELOAD", "PYTHONPATH")
"""Variables through which the host's files can get ahead of the image's."""


_AHEAD = {
    "PYTHONPATH": "modules from there are imported in place of the image's own",
    "PYTHONHOME": "Python takes its library from there in place of the image's own",
    "LD_PRELOAD": "it is loaded into each program, ahead of the image's own libraries",
}
"""Variables that lead past what the image has, and why that may surprise."""


def search_paths(context: Context) -> Iterator[Hit]:
    """``PATH`` and its like, where they let the host's files in."""
    env = context.data.get("env", {})
    for name in SEARCH_PATHS:
        text = env.get(name)
        if isinstance(text, str):
            yield from _from_host(context, name, text)
            yield from _relative(context, name, text)


def ahead(context: Context) -> Iterator[Hit]:
    """What comes before the image's own modules and libraries, or takes its search path away."""
    env = context.data.get("env", {})
    for name, why in _AHEAD.items():
        text = env.get(name)
        own = context.manifest.env.get(name, "") if context.manifest else ""
        if not isinstance(text, str) or text == own or _host_variables(text):
            continue
        what = f"{name} is set to {text}"
        if text:
            fix = f"{fixes.OUT}, and have the image bring what is there"
            yield Hit(("env", name), "ahead-of-image", NOTE, what, why, fix)
        else:
            what, needs = f"{name} is unset, the image sets it to {own}", "it needs what is there"
            yield Hit(("env", name), "image-path-unset", WARNING, what, needs, fixes.OUT)


def _host_variables(text: str) -> list[re.Match[str]]:
    """The host's search paths that a value takes in."""
    return [m for m in VARIABLE.finditer(text) if (m["name"] or m["bare"]) in SEARCH_PATHS]


def _from_host(context: Context, name: str, text: str) -> Iterator[Hit]:
    taken = _host_variables(text)
    for match in taken:
        what = f"{name} takes in the host's {match[0]}"
        why = "programs and libraries of the host then run in place of the image's"
        better = text
        for each in taken:
            better = better.replace(each[0], _of_image(context, each["name"] or each["bare"]))
        better = ":".join(entry for entry in better.split(":") if entry)
        fix = fixes.line(name, better) if better else fixes.OUT
        yield Hit(("env", name), "path-from-host", NOTE, what, why, fix, match[0])


def _relative(context: Context, name: str, text: str) -> Iterator[Hit]:
    entries = text.split(":")
    relative = [entry for entry in entries if not entry.startswith(("/", "$"))]
    if name == "PATH" and relative:
        what = f"PATH has the entry {relative[0]!r}" if text else "PATH is unset"
        why = "programs are then looked for in the current folder, or not found at all"
        kept = ":".join(entry for entry in entries if entry not in relative)
        fix = fixes.line(name, kept or _of_image(context, name))
        yield Hit(("env", name), "path-relative", WARNING, what, why, fix)


def _of_image(context: Context, name: str) -> str:
    """What the image itself has there, as an EDF must spell it."""
    given = context.manifest.env.get(name, "") if context.manifest else ""
    absolute = ":".join(entry for entry in given.split(":") if entry.startswith("/"))
    return literal(absolute, context.dialect) or (SYSTEM_PATH if name == "PATH" else "")
