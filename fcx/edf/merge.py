"""What ``base_environment`` means: one EDF over others, along the rules of the documentation."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from ..errors import EdfError
from .document import UNNAMED, Edf
from .index import Index
from .pair import beside
from .schema import STRINGS, SWITCHES
from .toml import Path

MAX_LEVELS = 10
"""Levels of ``base_environment``, the file itself included."""

Lookup = Callable[[str], Edf]
"""Gives the EDF that a name in ``base_environment`` stands for, or raises EdfError."""


def over(edf: Edf, base: Edf) -> Edf:
    """The EDF on top of another one: scalars replaced, tables merged by key, arrays appended."""
    mine, below = edf.values(), base.values()
    scalars = {
        name: below[name] if mine[name] is None else mine[name] for name in (*STRINGS, *SWITCHES)
    }
    return replace(
        edf,
        **scalars,
        mounts=_joined(base.mounts, edf.mounts),
        devices=_joined(base.devices, edf.devices),
        env={**base.env, **edf.env},
        annotations={**base.annotations, **edf.annotations},
        other={**base.other, **edf.other},
    )


def merged(edf: Edf, lookup: Lookup) -> Edf:
    """The EDF with every ``base_environment`` merged in.

    Raises EdfError for a circle, for more than ten levels, and what ``lookup`` raises.
    """
    return merged_layers(edf, lookup)[0]


def merged_layers(edf: Edf, lookup: Lookup) -> tuple[Edf, list[Edf]]:
    """As ``merged``, and what was merged, each once: what counts more behind what counts less."""
    walk = _Walk(lookup)
    return walk.whole(edf, (edf.file,))[0], walk.layers


class _Walk:
    """One walk over what an EDF is based on; each base is read and merged once."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self._done: dict[str, tuple[Edf, int]] = {}
        self.layers: list[Edf] = []

    def whole(self, edf: Edf, chain: tuple[str, ...]) -> tuple[Edf, int]:
        """The merged EDF and the levels in it; ``chain`` is what led to it, itself included."""
        below, levels = Edf(), 1
        for number, name in enumerate(edf.base_environment):
            try:
                base, height = self._base(beside(name, edf.file), chain)
            except EdfError as error:
                if error.file != UNNAMED or edf.file == UNNAMED:
                    raise
                raise EdfError(error.message, edf.file, *_place(edf, number)) from error
            if len(chain) + height > MAX_LEVELS:
                raise EdfError(_too_deep(name), edf.file, *_place(edf, number))
            below, levels = over(base, below), max(levels, height + 1)
        self.layers.append(edf)
        return replace(over(edf, below), base_environment=()), levels

    def _base(self, name: str, chain: tuple[str, ...]) -> tuple[Edf, int]:
        if name not in self._done:
            edf = self._lookup(name)
            identity = name if edf.file == UNNAMED else edf.file
            if identity in chain:
                way = " -> ".join((*chain[chain.index(identity) :], identity))
                raise EdfError(f"base_environment goes round in a circle: {way}")
            if len(chain) >= MAX_LEVELS:
                raise EdfError(_too_deep(name))
            self._done[name] = self.whole(edf, (*chain, identity))
        return self._done[name]


def _too_deep(name: str) -> str:
    return f"base_environment {name!r} makes more than {MAX_LEVELS} levels"


def _place(edf: Edf, number: int) -> tuple[int, int]:
    """Where an EDF names one of the files that it is based on."""
    if not edf.text:
        return 1, 1
    index = Index(edf.text)
    path: Path = ("base_environment", number)
    return index.place(path if path in index.values else path[:1])


def _joined(first: Iterable[str], then: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *then)))
