"""What has to change in an environment so that it equals an image (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from ..install import NAME
from ..parity.manifest import Manifest, urls
from ..parity.snapshot import Snapshot
from ..parity.versions import parse, same
from .journal import Lack

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_PUBLIC = re.compile(r"((git|hg|bzr|svn)\+)?(https?|ssh)://[\x21-\x7e]+")


@dataclass(frozen=True)
class Change:
    """A distribution that is put in: which release, over which, from where."""

    name: str
    version: str
    found: str = ""  # the release that is there; empty: none
    url: str = ""  # empty: the index
    damaged: bool = False  # it is there, and its files are not whole

    @property
    def requirement(self) -> str:
        """A line for pip and uv."""
        return f"{self.name} @ {self.url}" if self.url else f"{self.name}=={self.version}"

    @property
    def public(self) -> Change | None:
        """The release without the local part that a builder gave it: ``2.3.0`` of ``2.3.0+cu121``.

        The index has it where the image's own build is not to be had; parity takes it for the same.
        """
        public = self.version.partition("+")[0]
        return None if public == self.version else replace(self, version=public, url="")


@dataclass(frozen=True)
class Plan:
    """What is put in and taken out, what cannot be had, and what is left alone."""

    install: tuple[Change, ...] = ()
    remove: tuple[str, ...] = ()
    lacks: tuple[tuple[str, Lack], ...] = ()
    extra: tuple[str, ...] = ()


def planned(
    manifest: Manifest,
    found: Snapshot | None,
    known: Mapping[str, Lack],
    kept: frozenset[str] | None = None,
    damaged: Mapping[str, str] | None = None,
) -> Plan:
    """Hold an environment against a manifest.

    ``damaged`` has the distributions there whose files are not whole, with their versions: those of
    the image, and nobody else's. ``known`` is what could not be had the last time. ``kept``: take out whatever is neither the
    image's nor among these; None takes nothing out, for what people have at the client beside the
    image's (notebooks, linters) is no bar to parity.
    """
    there = dict(found.distributions) if found else {}
    origins = urls(found.origins) if found else {}
    install, lacks = [], []
    for wanted in _wanted(manifest, there):
        change = replace(wanted, damaged=wanted.name in (damaged or {}))
        if not change.damaged and _is_there(change, origins.get(change.name, "")):
            continue
        lack = _refused(change, manifest) or _known(change, known)
        if lack:
            lacks.append((change.name, lack))
        else:
            install.append(change)
    extra = sorted(set(there) - set(_releases(manifest)) - {NAME})
    remove = [name for name in extra if kept is not None and name not in kept]
    left = [name for name in extra if name not in remove]
    return Plan(tuple(install), tuple(remove), tuple(lacks), tuple(left))


def pins(manifest: Manifest, lacks: Mapping[str, Lack]) -> list[str]:
    """Constraints that hold the image's releases while something else is put in."""
    return [
        f"{change.name}=={change.version}"
        for change in _wanted(manifest, {})
        if change.name not in lacks and not change.url and not _refused(change, manifest)
    ]


def _releases(manifest: Manifest) -> dict[str, str]:
    """{name: version} of the image, its dill included, which may come without metadata."""
    dill = {"dill": manifest.dill} if manifest.dill else {}
    return {**manifest.distributions, **dill}


def _wanted(manifest: Manifest, there: Mapping[str, str]) -> Iterator[Change]:
    """Every distribution but fcx, of which the client has the copy that runs."""
    for name, version in sorted(_releases(manifest).items()):
        if name != NAME:
            yield Change(name, version, there.get(name, ""), manifest.origins.get(name, ""))


def _is_there(change: Change, origin: str) -> bool:
    """Whether the release is in place; two of one version may come from two commits."""
    public = bool(_PUBLIC.fullmatch(change.url))
    return same(change.found, change.version) and (not public or origin == change.url)


def _refused(change: Change, manifest: Manifest) -> Lack | None:
    """What cannot be asked for at all.

    A distribution that the image has from a folder of its own is not looked for on the index:
    there, its name may be a stranger's.
    """
    if not _NAME.fullmatch(change.name) or parse(change.version) is None:
        return Lack(change.version, "no name and version that an index could have")
    if change.name not in manifest.origins or _PUBLIC.fullmatch(change.url):
        return None
    where = change.url or "a place that it does not tell"
    return Lack(change.version, f"{manifest.name} has it from {where}: install it from its source")


def _known(change: Change, known: Mapping[str, Lack]) -> Lack | None:
    lack = known.get(change.name)
    return lack if lack and lack.version == change.version else None
