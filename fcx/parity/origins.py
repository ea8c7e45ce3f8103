"""Where distributions came from, if from no index: what a fix tells a tool to install (pure)."""

from __future__ import annotations

from collections.abc import Mapping

from .manifest import Manifest, urls
from .snapshot import Snapshot
from .versions import parse

_OF_CONDA = ("/feedstock_root/", "/croot/", "_build_env")
"""Folders of those who built conda's packages: nobody else has them."""


def origins(side: Snapshot | Manifest | None) -> Mapping[str, str]:
    """{name: URL as pip takes it} of the distributions of a side that come from no index."""
    if side is None:
        return {}
    return side.origins if isinstance(side, Manifest) else urls(side.origins)


def requirement(name: str, version: str, known: Mapping[str, str]) -> str:
    """``name==version``, or the URL where every machine can have it from."""
    url = known.get(name, "")
    if url and not url.startswith("file:"):
        return f"{name} @ {url}"
    return f"{name}=={version}" if version else name


def remark(name: str, version: str, known: Mapping[str, str]) -> str:
    """A comment of the shell on what an index may not have; empty if there is nothing to say."""
    url, parsed = known.get(name, ""), parse(version)
    if url.startswith("file:") and not any(folder in url for folder in _OF_CONDA):
        return f"  # it came from {url}: if pip's index has it not, take it from there"
    if not url and parsed is not None and parsed.local:
        where = f"--extra-index-url with the index that {name} {version} came from"
        return f"  # no public index has +{parsed.local}: if pip does not find it, add {where}"
    return ""
