"""Where on this machine an EDF of a name lies, by the engines' own rules and one of ours."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from ..errors import EdfError
from ..files import CONFIG_NAME, EDF_FOLDER, project_root
from .document import Edf
from .merge import Lookup
from .read import read
from .variables import expand

GLOB = frozenset("*?[")


def is_path(reference: str) -> bool:
    """Whether ``--environment=reference`` names a file rather than an EDF of the search path."""
    return "/" in reference or reference.endswith(".toml")


def locate(
    reference: str,
    environ: Mapping[str, str] | None = None,
    cwd: str | os.PathLike[str] | None = None,
) -> Path:
    """The file of an EDF: a path, absolute or from ``cwd``, or a name, searched for as srun does.

    That is in ``EDF_PATH``, else in ``~/.edf``; after that in ``edf/`` of the project that ``cwd``
    is in. Raises EdfError that says where it looked.
    """
    variables = os.environ if environ is None else environ
    start = Path(cwd or Path.cwd())
    wanted = expand(reference, variables, final=True)
    candidates = [start / wanted] if is_path(wanted) else list(_named(wanted, variables, start))
    for candidate in candidates:
        if os.path.exists(candidate):  # noqa: PTH110 - False, not an error, for a NUL
            return candidate
    if GLOB.intersection(wanted):
        raise EdfError(
            f"no file matches {reference!r}: the shell passes on a pattern that matches nothing. "
            "`fcx edf write` makes edf/<name>.toml; or name an EDF, or its path"
        )
    places = ", ".join(map(repr, map(str, candidates)))
    raise EdfError(
        f"there is no EDF {reference!r} on this machine; looked for {places}. Correct the name or "
        f"path; {_makers(wanted, start)}"
    )


def _makers(wanted: str, start: Path) -> str:
    """The command that makes what is missing: the EDF, or the image as well."""
    root = project_root(start)
    folder = root / EDF_FOLDER
    named = wanted and not is_path(wanted)
    if named and os.path.exists(folder / f"{wanted}.manifest.json"):  # noqa: PTH110 - as above
        return f"its image is built, and `fcx edf write` makes {folder / wanted}.toml"
    if not (root / CONFIG_NAME).is_file():
        return (
            f"no {CONFIG_NAME} is in {start} or above it: start it in the project's folder (that "
            f"of {CONFIG_NAME}), or give the path. In a project without one, `fcx up` makes the EDF"
        )
    return (
        "`fcx edf write` makes edf/<name>.toml and edf/<name>-generated.toml, and `fcx up` all "
        "that comes before as well"
    )


def finder(
    environ: Mapping[str, str] | None = None, cwd: str | os.PathLike[str] | None = None
) -> Lookup:
    """A ``lookup`` for ``merged`` that reads the files that ``locate`` finds."""

    def lookup(name: str) -> Edf:
        return read(locate(name, environ, cwd))

    return lookup


def _named(name: str, variables: Mapping[str, str], start: Path) -> Iterator[Path]:
    folders = [folder for folder in variables.get("EDF_PATH", "").split(":") if folder]
    for folder in folders or [f"{variables.get('HOME') or '~'}/.edf"]:
        yield Path(folder).expanduser() / f"{name}.toml"
    yield project_root(start) / EDF_FOLDER / f"{name}.toml"
