"""Pythons in an image that its PATH does not lead to: conda's, uv's, a project's own (pure)."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass

from .static import interpreter_at
from .tree import Files

PROGRAM = re.compile(r"(/.*)?/bin/python3?$")
COPIES = re.compile(r"/pkgs/|/proc/|/sys/|/usr/share/|/site-packages/|/dist-packages/|/snap/")
MOST = 3
UV = "`ENV UV_PYTHON_INSTALL_DIR=/opt/python`"


@dataclass(frozen=True)
class Other:
    """A Python that was found by looking at each folder ``bin``."""

    path: str
    version: str
    dill: str
    closed: str  # the folder that only its owner may enter, above it or above what it leads to

    def __str__(self) -> str:
        dill = f"dill {self.dill}" if self.dill else "no dill"
        closed = f"; only its owner may enter {self.closed}" if self.closed else ""
        return f"{self.path} ({self.version}, {dill}{closed})"


def other_pythons(files: Files, path: str) -> list[Other]:
    """Those that PATH does not lead to, the likeliest first: with dill, for anyone to start."""
    on_path = {posixpath.normpath(folder) for folder in path.split(":")}
    found: dict[str, Other] = {}
    for name in sorted(files.names | files.links.keys()):
        folder = posixpath.dirname(name)
        if not PROGRAM.match(name) or COPIES.search(name) or folder in on_path:
            continue
        real = files.resolve(name)
        if real and folder not in found and files.machine(real):
            python, packages = interpreter_at(files, name, real)
            closed = files.closed_above(name) or files.closed_above(real)
            found[folder] = Other(name, python.version, packages.get("dill", ""), closed)
    return sorted(found.values(), key=lambda one: (bool(one.closed), not one.dill, len(one.path)))


def advice(others: list[Other]) -> str:
    """How one of them becomes the image's; empty without any."""
    return " ".join(_sentences(others)) if others else ""


def _sentences(others: list[Other]) -> Iterator[str]:
    first = others[0]
    yield f"Elsewhere in it: {', '.join(map(str, others[:MOST]))}."
    if first.closed:
        yield (
            "Tasks do not run as that owner: install Python where anyone may go (uv: "
            f"{UV}; conda: /opt/conda), and add its folder to the Dockerfile's `ENV PATH`."
        )
    else:
        yield (
            f"To have it: `ENV PATH={posixpath.dirname(first.path)}:$PATH` at the end of the "
            f'Dockerfile; or `python = "{first.path}"` below [image] in fcx.toml.'
        )
