"""Which modules the client has, and the versions of the distributions that provide them."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from ..protocol import probe
from .places import places_of

_FIRST_PART = re.compile(r"^(\w+)[/.]", re.MULTILINE)  # of each path in a RECORD
_FILE = re.compile(r"^(\w[\w/]*)[/.]", re.MULTILINE)  # of each path in it, with its folders
_SITES = {"site-packages", "dist-packages"}


@dataclass(frozen=True)
class _Provider:
    """A distribution in a folder of modules; ``info`` is where its metadata are."""

    name: str
    version: str
    info: str

    @cached_property
    def tops(self) -> frozenset[str]:
        """Its top-level modules; its own name where it does not say."""
        listed = set(_FIRST_PART.findall(self._record())) | set(self._top_level())
        return frozenset(listed) or frozenset({self.name.replace("-", "_")})

    @cached_property
    def modules(self) -> frozenset[str]:
        """The dotted names of all that it put into its folder."""
        found = set(self.tops)
        for path in _FILE.findall(self._record()):
            while path and path not in found:
                found.add(path)
                path = path.rpartition("/")[0]  # noqa: PLW2901 - on to the folder that it is in
        return frozenset(path.replace("/", ".") for path in found)

    def has_code(self, module: str) -> bool:
        """Whether a module is its own, and no namespace that others share."""
        inside = f"{module}."
        return f"{inside}__init__" in self.modules or not any(
            other.startswith(inside) for other in self.modules
        )

    def _record(self) -> str:
        return str(probe.read_text(f"{self.info}/RECORD"))

    def _top_level(self) -> list[str]:
        return str(probe.read_text(f"{self.info}/top_level.txt")).split()


def installed(names: Iterable[str]) -> dict[str, dict[str, str]]:
    """The top-level modules of dotted ``names`` that exist, with {distribution: version} of each.

    Empty for the standard library and for a module that came without metadata. Of a module that
    several distributions share, each dotted name that is one distribution's has an entry, too.
    """
    found: dict[str, dict[str, str]] = {}
    for name in sorted(set(names)):
        top = name.partition(".")[0]
        if top in sys.stdlib_module_names:
            if _in_library(top):
                found[top] = {}
            continue
        places = places_of(top)
        if places or top in sys.modules:
            providers = _of(top, places)
            found[top] = _versions(providers)
            found.update(_narrowed(name, providers))
    return found


def _of(top: str, places: Iterable[str]) -> list[_Provider]:
    """Whose a top-level module is: by its name, else by its place in another one's folder."""
    folders = sorted({str(Path(place).parent) for place in places})
    found = [one for folder in folders for one in _providers(folder, _stamp(folder)).get(top, ())]
    if found:
        return found
    for folder in folders:
        site = next((each for each in Path(folder).parents if each.name in _SITES), None)
        if site is not None:
            host = Path(folder).relative_to(site).parts[0]
            return list(_providers(str(site), _stamp(str(site))).get(host, ()))
    return []


def _narrowed(name: str, providers: list[_Provider]) -> dict[str, dict[str, str]]:
    """Of a dotted name, the first part that is not shared, with those who provide it."""
    parts = name.split(".")
    for count in range(1, len(parts) + 1):
        part = ".".join(parts[:count])
        having = [one for one in providers if part in one.modules]
        if not having:
            return {}  # an attribute, or metadata without a list of files
        owners = [one for one in having if one.has_code(part)]
        if len(having) == 1 and owners:
            return {part: _versions(owners)}
    return {}


def _versions(providers: Iterable[_Provider]) -> dict[str, str]:
    return {one.name: one.version for one in providers}


@lru_cache(maxsize=512)
def _in_library(top: str) -> bool:
    try:
        return top in sys.modules or importlib.util.find_spec(top) is not None
    except (ImportError, ValueError):
        return False


def _stamp(folder: str) -> int:
    """Changes when something is installed into a folder or taken out of it."""
    try:
        return Path(folder).stat().st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=64)
def _providers(folder: str, _changed: int) -> Mapping[str, list[_Provider]]:
    """{top-level module: those that put it into ``folder``}, as the probe finds them.

    Read from the lists of files: ``importlib.metadata`` asks only for ``top_level.txt`` on Python
    3.10, which most of today's distributions lack, and takes ten times longer.
    """
    found: dict[str, list[_Provider]] = {}
    for name, (version, _, info) in probe.find_distributions([folder]).items():
        provider = _Provider(name, version, info)
        for top in provider.tops:
            found.setdefault(top, []).append(provider)
    return found
