"""Tell what is wrong with an EDF: every finding has a place, a reason and a fix.

Errors are what no engine (or not the engine asked about) can run; warnings are what may go wrong,
or goes wrong on the other engine. The rules stand in ``rules/``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..config import Site
from ..errors import EdfError
from ..parity.manifest import Manifest
from .document import UNNAMED, Edf
from .findings import Finding, broken
from .index import Index
from .merge import Lookup, merged
from .read import from_data
from .rules import hooks, image, keys, mounts, settings, variables
from .rules.context import ERROR, WARNING, Context, Hit
from .soundness import sound_part
from .toml import Path, load

RULES = (
    keys.keys,
    keys.scalars,
    image.image,
    mounts.mounts,
    mounts.shadowing,
    settings.settings,
    variables.variables,
    variables.search_paths,
    hooks.names,
    hooks.values,
    hooks.variant,
    hooks.needs,
)

_AT_KEY = {"unknown-key", "sarus-key", "key-in-table", "unknown-annotation", "missing-com"}
"""Codes of findings about a key; the others are about a value."""

_BASE: Path = ("base_environment",)


def check(
    text: str,
    file: str = UNNAMED,
    *,
    dialect: str = "",
    site: Site | None = None,
    manifest: Manifest | None = None,
    lookup: Lookup | None = None,
    variables: Mapping[str, str] | None = None,
    exists: Callable[[str], bool] | None = None,
) -> list[Finding]:
    """All findings of an EDF, in the order of their places; never raises for what is in it.

    An empty ``dialect`` means both. ``lookup`` finds what it is based on; ``variables`` and
    ``exists`` are given where the check runs on the machine that the EDF is for.
    """
    try:
        data = load(text, file)
    except EdfError as error:
        return [broken(error, text)]
    sound, edf_data, hits = sound_part(data)
    edf = from_data(edf_data, text, file)
    whole, of_bases = _whole(edf, lookup)
    hits += of_bases + list(_byte_order_mark(text))
    context = Context(sound, edf, whole, dialect, site, manifest, variables, exists)
    for rule in RULES:
        hits += rule(context)
    index = Index(text)
    found = [_finding(hit, file, index) for hit in hits]
    return sorted(dict.fromkeys(found), key=lambda f: (f.line, f.column, f.code))


def _finding(hit: Hit, file: str, index: Index) -> Finding:
    by_key = hit.code in _AT_KEY
    place = index.key_place(hit.path) if by_key else index.place(hit.path, hit.needle)
    return Finding(file, *place, hit.code, hit.severity, hit.what, hit.why, hit.fix)


def _byte_order_mark(text: str) -> list[Hit]:
    if not text.startswith("\ufeff"):
        return []
    what, why = "a byte order mark", "some parsers take it for a part of the first key"
    fix = "save the file as UTF-8 without a byte order mark"
    return [Hit((), "byte-order-mark", WARNING, what, why, fix)]


def _whole(edf: Edf, lookup: Lookup | None) -> tuple[Edf | None, list[Hit]]:
    """The merged EDF, None if a base is absent; and what is to be said about the bases."""
    if not edf.base_environment:
        return edf, []
    absent: list[str] = []

    def seek(name: str) -> Edf:
        try:
            if lookup is not None:
                return lookup(name)
        except EdfError as error:
            if error.file != UNNAMED:
                raise
        absent.append(name)
        return Edf()

    try:
        whole = merged(edf, seek)
    except EdfError as error:
        why, fix = "the engine reads it first", "correct what it is based on"
        return None, [Hit(_BASE, "base-environment", ERROR, str(error.message), why, fix)]
    if not absent:
        return whole, []
    what = f"{', '.join(absent)} is not on this machine, so what it says was not checked"
    why = "it is looked for as srun does: a path, else a name in EDF_PATH or ~/.edf"
    fix = "check it on the cluster, or copy it to this machine"
    return None, [Hit(_BASE, "base-absent", WARNING, what, why, fix)]
