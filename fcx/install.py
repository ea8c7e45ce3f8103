"""The copy of fcx that runs: how another environment gets the same, and what lies with it.

On the index the name ``fcx`` belongs to another project. So no message spells out a command that
installs fcx: all of them take it from here.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

NAME = "firecrest-fcx"
PACKAGE = Path(__file__).parent
DEMO = "examples/simple.py"
TEMPLATES = ("containers/Dockerfile", "containers/requirements.txt")


def command(extra: str = "") -> str:
    """The command that installs this copy: ``pip install 'firecrest-fcx[local]'``."""
    return shlex.join(["pip", "install", requirement(extra)])


def requirement(extra: str = "") -> str:
    """What pip and uv take for this copy: the name on the index, a path, or a URL."""
    extras = f"[{extra}]" if extra else ""
    source = _source()
    if "://" in source and extras:
        return f"{NAME}{extras} @ {source}"
    return f"{source or NAME}{extras}"


def shipped(name: str) -> Path:
    """A file that a wheel has inside the package, and a checkout beside it."""
    inside = PACKAGE / name
    return inside if inside.exists() else PACKAGE.parent / name


def _source() -> str:
    """The path or URL that this copy was installed from; empty for an index."""
    origin = _origin()
    if origin is None:
        return str(PACKAGE.parent) if (PACKAGE.parent / "pyproject.toml").is_file() else ""
    url = str(origin.get("url", ""))
    if url.startswith("file:") and "vcs_info" not in origin:
        path = Path(unquote(urlsplit(url).path))
        return str(path) if path.exists() else ""  # a wheel is often deleted once it is installed
    return origin_url(origin)


def origin_url(origin: Mapping[str, Any]) -> str:
    """What pip and uv take for a distribution of PEP 610's record: its URL, at the very commit."""
    url = str(origin.get("url", ""))
    if "vcs_info" in origin:
        vcs = origin["vcs_info"]
        url = f"{vcs['vcs']}+{url}@{vcs['commit_id']}"
    return url + (f"#subdirectory={origin['subdirectory']}" if "subdirectory" in origin else "")


def _origin() -> dict[str, Any] | None:
    """PEP 610's record of this copy; {} for an index, None where no distribution is this copy."""
    for found in metadata.distributions(name=NAME):
        origin: dict[str, Any] = json.loads(found.read_text("direct_url.json") or "{}")
        folder = Path(unquote(urlsplit(origin.get("url", "")).path))
        linked = "dir_info" in origin and PACKAGE.resolve().is_relative_to(folder.resolve())
        if linked or Path(str(found.locate_file("fcx"))).resolve() == PACKAGE.resolve():
            return origin
    return None
