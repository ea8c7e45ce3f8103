"""Tell what is wrong with an EDF: every finding has a place, a reason and a way to mend it.

Errors are what no engine (or not the engine asked about) can run; warnings are what may go wrong,
or goes wrong on the other engine. The rules are in ``edf_rules`` and ``edf_hooks``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass
from typing import Any

from ..config import Site
from ..errors import EdfError
from ..parity.manifest import Manifest
from . import hooks as edf_hooks
from . import rules as edf_rules
from . import toml as edf_toml
from .document import Edf, from_data
from .rules import ERROR, WARNING, Context, Hit
from .schema import STRINGS, wrong_types


@dataclass(frozen=True)
class Finding:
    """One thing to say about an EDF. ``severity`` is ``error`` or ``warning``; places from 1."""

    file: str
    line: int
    column: int
    code: str
    severity: str
    what: str
    why: str
    mend: str

    def message(self) -> str:
        """Three lines for a person."""
        place = f"{self.file}:{self.line}:{self.column}"
        lines = f"{place}: {self.severity}: {self.what} [{self.code}]", f"why:  {self.why}"
        return "\n    ".join(map(_plain, (*lines, f"mend: {self.mend}")))

    def to_data(self) -> dict[str, Any]:
        """The fields, for JSON."""
        return asdict(self)


def _plain(text: str) -> str:
    """What a file says goes to a terminal without control characters."""
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


def check(
    text: str,
    file: str = "<edf>",
    *,
    dialect: str = "",
    site: Site | None = None,
    manifest: Manifest | None = None,
    lookup: Callable[[str], Edf] | None = None,
    variables: Mapping[str, str] | None = None,
    exists: Callable[[str], bool] | None = None,
) -> list[Finding]:
    """All findings of an EDF, in the order of their places; never raises for what is in it.

    An empty ``dialect`` means both. ``lookup`` finds what it is based on; ``variables`` and
    ``exists`` are given where the check runs on the machine that the EDF is for.
    """
    try:
        data = edf_toml.load(text, file)
    except EdfError as error:
        return [_broken(error, text)]
    index = edf_toml.Index(text)
    sound, hits = _sound(data)
    edf = from_data(_without_gaps(sound), text, file)
    whole, below = _whole(edf, lookup)
    hits += below
    context = Context(sound, edf, whole, dialect, site, manifest, variables, exists)
    for rule in (*edf_rules.RULES, *edf_hooks.RULES):
        hits += rule(context)
    if text.startswith("\ufeff"):
        why = "some parsers take it for a part of the first key"
        mend = "save the file as UTF-8 without a byte order mark"
        hits.append(Hit((), "byte-order-mark", WARNING, "a byte order mark", why, mend))
    found = [_finding(hit, file, index) for hit in hits]
    return sorted(dict.fromkeys(found), key=lambda f: (f.line, f.column, f.code))


def unreadable(error: EdfError) -> Finding:
    """The finding for a file that has no text to check: not there, or not UTF-8."""
    why, mend = "an EDF is a text file in UTF-8", "mend the path, or save the file as UTF-8"
    place = error.file, error.line, error.column
    return Finding(*place, "unreadable", ERROR, error.message, why, mend)


def _finding(hit: Hit, file: str, index: edf_toml.Index) -> Finding:
    by_key = hit.code in (
        "unknown-key",
        "sarus-key",
        "key-in-table",
        "unknown-annotation",
        "missing-com",
    )
    place = index.key_place(hit.path) if by_key else index.place(hit.path, hit.needle)
    return Finding(file, *place, hit.code, hit.severity, hit.what, hit.why, hit.mend)


def _sound(data: dict[str, Any]) -> tuple[dict[str, Any], list[Hit]]:
    """The data without values of wrong types, and a hit for each of them."""
    wrong, hits = list(wrong_types(data)), []
    sound = deepcopy(data) if wrong else data
    for path, message in wrong:
        why = "the engines refuse the file, or ignore the key"
        hits.append(Hit(path, "wrong-type", ERROR, message, why, _mend_type(path, data)))
        _discard(sound, path)
    return sound, hits


def _discard(data: Any, path: edf_toml.Path) -> None:
    *parents, last = path
    for part in parents:
        data = data[part]
    if isinstance(data, list) and isinstance(last, int):
        data[last] = None  # keeps the numbers of the others
    elif last in STRINGS and not parents:
        data[last] = None  # it is there, if not as it should be
    else:
        data.pop(last, None)


def _without_gaps(data: Mapping[str, Any]) -> dict[str, Any]:
    whole = {name: value for name, value in data.items() if value is not None}
    lists = {name: value for name, value in whole.items() if isinstance(value, list)}
    return whole | {name: [i for i in items if i is not None] for name, items in lists.items()}


def _mend_type(path: edf_toml.Path, data: Mapping[str, Any]) -> str:
    name, value = path[0], data[str(path[0])]
    if name in ("entrypoint", "writable"):
        return f"write {name} = true or {name} = false, without quotes"
    if name in ("mounts", "devices") and isinstance(value, str):
        return f'write {name} = ["{value}"]'
    if name in ("env", "annotations"):
        return (
            f'write name = "value" below [{name}]; keys such as mounts go above the first [table]'
        )
    return "put the value in quotes" if name in ("image", "workdir") else "put each item in quotes"


def _whole(edf: Edf, lookup: Callable[[str], Edf] | None) -> tuple[Edf | None, list[Hit]]:
    """The merged EDF, None if a base is not here; and what is to be said about the bases."""
    if not edf.base_environment:
        return edf, []
    absent: list[str] = []

    def seek(name: str) -> Edf:
        try:
            if lookup is not None:
                return lookup(name)
        except EdfError as error:
            if error.file != "<edf>":
                raise
        absent.append(name)
        return Edf()

    here: edf_toml.Path = ("base_environment",)
    try:
        whole = edf.merged(seek)
    except EdfError as error:
        why, mend = "the engine reads it first", "mend what it is based on"
        return None, [Hit(here, "base-environment", ERROR, str(error.message), why, mend)]
    what = f"{', '.join(absent)} is not here, so what it says was not checked"
    why = "it is looked for as srun does: a path, else a name in EDF_PATH or ~/.edf"
    hit = Hit(here, "base-not-here", WARNING, what, why, "check it on the cluster, or copy it here")
    return (None, [hit]) if absent else (whole, [])


_HINTS = (
    (r"=\s*\[\s*\.\.\.\s*\]|\.\.\.", "replace ... by your own values, each in quotes"),
    ("[\u2018\u2019\u201c\u201d\u201e]", 'replace the typographic quotes by plain ones: "'),
    (r"=\s*(True|False)\b", "write true or false, in lower case and without quotes"),
    (r"=\s*(<|\$|/|~|\./)", 'put the value in quotes: "..."'),
    (r"""=\s*("[^"]*"|'[^']*'|\w+)\s*,\s*(#.*)?$""", "take the comma at the end of the line out"),
    (r"^\s*[\w.-]+\s*:", "write = between name and value, not a colon"),
    (r"""=\s*"[^"]*$|=\s*'[^']*$""", "close the quotes"),
    (r"\\", r"a backslash in double quotes must be doubled; or use single quotes"),
    (r"=\s*[A-Za-z]", 'put the value in quotes: "..."'),
)
_TWICE = re.compile(r"twice|overwrite|redefine|Duplicate|mutate|already", re.IGNORECASE)


def _broken(error: EdfError, text: str) -> Finding:
    """The one finding of a text that is not TOML."""
    place = error.file, error.line, error.column
    why = "no engine can read the file, and neither can this check go on"
    if _TWICE.search(error.message):
        mend = "keep one form, dotted keys or a [table] of its own, and put all its keys there"
        return Finding(*place, "table-twice", ERROR, error.message, why, mend)
    if "Unclosed array" in error.message:
        mend = "put a comma between each two items, and a ] behind the last"
        return Finding(*place, "invalid-toml", ERROR, error.message, why, mend)
    lines = text.split("\n")
    line = lines[min(error.line, len(lines)) - 1].rstrip("\r")
    mend = next((hint for pattern, hint in _HINTS if re.search(pattern, line)), "")
    mend = mend or "look at this line and the one before: a quote, bracket or = is missing"
    return Finding(*place, "invalid-toml", ERROR, error.message, why, mend)
