"""Tell what is wrong with an EDF: every finding has a place, a reason and a fix.

Errors are what the engine cannot run; warnings what does not do what it says; notes what does, and
may surprise later. The rules stand in ``rules/``, how findings are told in ``summary``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from ..config import Site
from ..errors import EdfError
from ..parity.manifest import Manifest
from .document import UNNAMED, Edf
from .findings import Finding, broken
from .index import Index
from .merge import Lookup, merged_layers
from .pair import base_of, written_for
from .read import from_data
from .rules import (
    bash,
    hooks,
    image,
    keys,
    mounts,
    network,
    pair,
    placeholders,
    searchpaths,
    settings,
    shadowing,
    variables,
)
from .rules.context import ERROR, WARNING, Context, Hit
from .rules.fixes import item
from .schema import DIALECTS
from .soundness import sound_part
from .summary import summary
from .toml import Path, load

RULES = (
    keys.keys,
    keys.misplaced,
    keys.scalars,
    image.image,
    image.levels,
    mounts.mounts,
    mounts.one_target,
    shadowing.shadowing,
    settings.settings,
    settings.bases,
    pair.unused,
    pair.another_image,
    pair.another_build,
    placeholders.placeholders,
    variables.variables,
    bash.bash,
    searchpaths.search_paths,
    searchpaths.ahead,
    hooks.names,
    hooks.values,
    hooks.needs,
    hooks.unsupported,
    network.variant,
    network.without_variant,
    network.at_odds,
    network.unasked,
)

_AT_KEY = {
    *("unknown-key", "sarus-key", "key-in-table", "unknown-annotation", "missing-com"),
    *("annotation-outside", "variable-in-annotations"),
}
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
    generated: Edf | None = None,
) -> list[Finding]:
    """All findings of an EDF, in the order of their places; never raises for what is in it.

    Those of one kind are one finding, with its parts. An empty ``dialect`` means the CE, and one
    note of what Sarus would refuse. ``lookup`` finds what it is based on; ``variables`` and
    ``exists`` are given where the check runs on the machine that the EDF is for, ``generated``
    where a file of fcx's own lies beside.
    """
    try:
        data = load(text, file)
    except EdfError as error:
        return [broken(error, text)]
    sound, edf_data, hits = sound_part(data)
    edf = from_data(edf_data, text, file)
    whole, bases, of_bases = _whole(edf, lookup)
    build_id = written_for((*bases, edf))
    hits += of_bases + list(_byte_order_mark(text))
    index = Index(text)
    asked = (site, manifest, variables, exists, generated, build_id)
    by_engine = {
        engine: [
            _finding(hit, file, index)
            for hit in (*hits, *_hits(Context(sound, edf, whole, bases, index, engine, *asked)))
        ]
        for engine in ([dialect] if dialect else DIALECTS)
    }
    return summary(by_engine)


def _hits(context: Context) -> Iterator[Hit]:
    for rule in RULES:
        yield from rule(context)


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


def _whole(edf: Edf, lookup: Lookup | None) -> tuple[Edf | None, tuple[Edf, ...], list[Hit]]:
    """The merged EDF, None if a base is absent; its bases; and what is to be said about them."""
    if not edf.base_environment:
        return edf, (), []
    absent: list[str] = []
    found: list[Edf] = []

    def seek(name: str) -> Edf:
        try:
            if lookup is not None:
                found.append(lookup(name))
                return found[-1]
        except EdfError as error:
            if error.file != UNNAMED:
                raise
        absent.append(name)
        return Edf()

    try:
        whole, layers = merged_layers(edf, seek)
    except EdfError as error:
        why, fix = "the engine reads it first", "correct what it is based on"
        hit = Hit(_BASE, "base-environment", ERROR, str(error.message), why, fix)
        return None, tuple(found), [hit]
    if not absent:
        return whole, tuple(layers[:-1]), []
    return None, tuple(found), [_absent(edf, absent)]


def _absent(edf: Edf, names: list[str]) -> Hit:
    """What is said of bases that are not on this machine."""
    told, says = f"its base {names[0]} is", "it says"
    if names[1:]:
        told, says = f"its bases {', '.join(names[:-1])} and {names[-1]} are", "they say"
    what = f"{told} not on this machine, so what {says} was not checked"
    why = "bases are looked for as srun does: a path, else a name in EDF_PATH or ~/.edf"
    fix = "check it on the cluster, or copy what is absent to this machine"
    own, needle = base_of(edf.file), ""
    by_path = [name for name in names if name.endswith(f"/{own}.toml")]
    if own in names:
        why, fix = "`fcx edf write` writes it beside this file", "run `fcx edf write`"
    elif by_path:
        needle, fix = by_path[0], item(own)
        why = "a path is looked for in the folder that srun is called in, not beside this file"
    return Hit(_BASE, "base-absent", WARNING, what, why, fix, needle)
