"""Whether an image can import what its requirements name.

A shared library that nobody brings is refused. One that the cluster's engine puts in (a GPU's
driver, the network's), and an import that fails otherwise, may be fine there: that is a warning.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import EngineError, ImageRefused
from .context import Context
from .inside import run_inside

REQUIREMENTS = re.compile(r"(?:.*/)?requirements[^/]*\.(?:txt|lock)")
NAME = re.compile(
    r"^[ \t]*([A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)[ \t]*(?:[\[=<>!~;@#\\\r\n]|$)", re.MULTILINE
)
LARGE = 1 << 20  # bytes of a file that is no list of requirements any more
LIBRARY = re.compile(r"(lib[\w.+-]*\.so[\w.]*): cannot open shared object file")
BROUGHT = re.compile(r"lib(cuda|nvidia|nv-|cxi|fabric|pmi|pmix|amdhip|hsa)", re.IGNORECASE)
PROBE, IMPORTS = "/fcx-probe.py", "/fcx-imports.py"
PROGRAMS = {PROBE: "protocol/probe.py", IMPORTS: "image/imports.py"}
HOME = {"HOME": "/tmp"}  # noqa: S108 - the container's: some packages want to write there
SCRIPT = f'python="$1"; shift; exec "$python" {IMPORTS} {PROBE} "$@"'


def required_names(context: Context) -> tuple[str, ...]:
    """What the requirements files in a context name."""
    found: dict[str, None] = {}
    for entry in context.entries:
        known = entry.path is not None and REQUIREMENTS.fullmatch(entry.name)
        if known and entry.path and entry.path.stat().st_size < LARGE:
            found |= dict.fromkeys(NAME.findall(entry.path.read_text("utf-8", "replace")))
    return tuple(found)


def failing_imports(client: Any, image: Any, python: str, names: tuple[str, ...]) -> dict[str, str]:
    """{module: what its import raises} in the image; empty where it cannot be asked."""
    with contextlib.suppress(EngineError, ValueError, IndexError):
        words = (python, *names)
        said, _, _ = run_inside(client, image, SCRIPT, PROGRAMS, *words, environment=HOME)
        return failed_in(said)
    return {}


def failed_in(said: bytes) -> dict[str, str]:
    """The same of what the program has said. Raises ValueError or a LookupError for no answer."""
    found = json.loads(said.splitlines()[-1])["failed"]
    return {str(module): str(words) for module, words in found.items()}


def import_warnings(failing: Mapping[str, str]) -> Iterator[str]:
    """What is said of imports that fail. Raises ImageRefused for a library that nobody brings."""
    for module, words in failing.items():
        library = LIBRARY.search(words)
        if library and BROUGHT.match(library[1]):
            yield (
                f"`import {module}` fails in the image on this machine: it wants {library[1]}, "
                "which the cluster's engine puts in, if the EDF asks for it."
            )
        elif library:
            raise ImageRefused(
                f"The image cannot import {module}, which was installed by that name. Wanted: the "
                f"shared library {library[1]}; found: none. Install what has it (in Debian as a "
                f"rule `RUN apt-get update && apt-get install -y {_package(library[1])}`), or take "
                "a release whose wheel brings its own."
            )
        else:
            yield f"`import {module}` fails in the image on this machine: {words.strip()[-300:]}"


def _package(library: str) -> str:
    """The name that Debian gives to a library's package: ``libgfortran5``, ``libglib2.0-0``."""
    stem, _, version = library.lower().partition(".so")
    stem = re.sub(r"-(?=\d)", "", stem).replace("_", "-")
    major = version.lstrip(".").partition(".")[0]
    return stem + ("-" if major and stem[-1:].isdigit() else "") + major
