"""Which modules the client has, and the versions of the distributions that provide them."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from .places import places_of

_FIRST_PART = re.compile(r"^([^/,.\n]+)[/.]", re.MULTILINE)  # of each path in a RECORD


def installed(tops: Iterable[str]) -> dict[str, dict[str, str]]:
    """The top-level modules among ``tops`` that exist, with {distribution: version} of each.

    Empty for the standard library and for a module that came without metadata.
    """
    found: dict[str, dict[str, str]] = {}
    for top in set(tops):
        if top in sys.stdlib_module_names:
            if _in_library(top):
                found[top] = {}
            continue
        places = places_of(top)
        if places or top in sys.modules:
            folders = {str(Path(place).parent) for place in places}
            found[top] = {
                name: version
                for folder in sorted(folders)
                for name, version in _providers(folder, _stamp(folder)).get(top, ())
            }
    return found


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
def _providers(folder: str, _changed: int) -> dict[str, list[tuple[str, str]]]:
    """{top-level module: (distribution, version) of each that put it into ``folder``}.

    Read from the lists of files: ``importlib.metadata`` asks only for ``top_level.txt`` on Python
    3.10, which most of today's distributions lack, and takes ten times longer.
    """
    found: dict[str, list[tuple[str, str]]] = {}
    for info in sorted((*Path(folder).glob("*.dist-info"), *Path(folder).glob("*.egg-info"))):
        tops = set(_FIRST_PART.findall(_text(info / "RECORD"))) - {info.stem}
        tops |= set(_text(info / "top_level.txt").split())
        if tops:
            name, version = _identity(info)
            for top in tops:
                found.setdefault(top, []).append((name, version))
    return found


def _identity(info: Path) -> tuple[str, str]:
    """Normalised name and version, as the probe reports them."""
    from importlib.metadata import PathDistribution

    distribution = PathDistribution(info)
    try:
        name, version = distribution.metadata["Name"], distribution.version
    except Exception:  # noqa: BLE001 - damaged metadata: what the folder is called will do
        name, _, version = info.stem.partition("-")
    return re.sub("[-_.]+", "-", str(name)).lower(), str(version)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
