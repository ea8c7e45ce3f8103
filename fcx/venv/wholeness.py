"""Whether the files of a distribution are there: its metadata may be all that is left of it.

An installer that finds the metadata takes the release for installed, and so does parity's probe. What
tells is RECORD, the list of files; where a tool that always writes one has left none, that too.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ..protocol.probe import header, normalised

_SIZE = re.compile("[0-9]{1,18}")
_MODULES = (".py", ".so")
_LISTING = frozenset({"pip", "uv"})  # tools that write RECORD last


class _Listed(NamedTuple):
    path: Path
    size: int | None  # None: not to be held against


class _Installed(NamedTuple):
    name: str
    version: str
    files: tuple[_Listed, ...] | None  # None: a list is missing that ought to be there


def damaged(folder: Path, minor: str) -> dict[str, str]:
    """{name: version} of distributions in an environment that are not whole.

    Where one is there twice, as a leftover, the whole one counts.
    """
    known = [one for info in _infos(folder, minor) for one in _read(info)]
    owners = Counter(file.path for one in known for file in one.files or ())
    broken, whole = {}, set()
    for one in known:
        if one.files is not None and all(_is_right(file, owners[file.path]) for file in one.files):
            whole.add(one.name)
        else:
            broken[one.name] = one.version
    return {name: version for name, version in broken.items() if name not in whole}


def unlisted(folder: Path, minor: str, names: Iterable[str]) -> Iterator[Path]:
    """The metadata of distributions whose list is missing: no tool can take them out."""
    wanted = frozenset(names)
    for info in _infos(folder, minor):
        if any(one.name in wanted and one.files is None for one in _read(info)):
            yield info


def _infos(folder: Path, minor: str) -> Iterator[Path]:
    return folder.glob(f"lib/python{minor}*/site-packages/[!~]*.dist-info")


def _read(info: Path) -> Iterator[_Installed]:
    """What one folder of metadata says; nothing where it says no name."""
    text = _text(info / "METADATA").partition("\n\n")[0]
    name, version = header(text, "Name"), header(text, "Version")
    if not name or not version:
        return
    tool = _text(info / "INSTALLER").strip()
    files = tuple(_listed(info, sized=tool in _LISTING))
    lacks = tool in _LISTING and not (info / "RECORD").is_file()
    yield _Installed(normalised(name), version, None if lacks else files)


def _listed(info: Path, *, sized: bool) -> Iterator[_Listed]:
    """What RECORD lists but for bytecode, which comes and goes, and for metadata.

    Sizes count of modules, where the tool noted them as it wrote the files. Not of scripts, in
    which interpreters are put, nor of data: a site adds its CA to certifi's file, say.
    """
    with suppress(csv.Error):
        for row in csv.reader(_text(info / "RECORD").splitlines()):
            if not row or not row[0] or row[0].endswith(".pyc") or ".dist-info/" in row[0]:
                continue
            counts = sized and row[0].endswith(_MODULES) and _SIZE.fullmatch("".join(row[2:3]))
            yield _Listed(info.parent / row[0], int(row[2]) if counts else None)


def _is_right(file: _Listed, owners: int) -> bool:
    """Whether a file is there, and as long as listed; one that several list may be another's."""
    try:
        size = file.path.stat().st_size
    except OSError:
        return False
    return file.size in (None, size) or owners > 1


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
