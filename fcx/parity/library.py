"""What a standard library lacks although it is listed: parts of C that were not built (pure)."""

from __future__ import annotations

import sys
from collections.abc import Collection

_BUILT_ON = {
    "bz2": "_bz2",
    "cProfile": "_lsprof",
    "crypt": "_crypt",
    "ctypes": "_ctypes",
    "curses": "_curses",
    "dbm.gnu": "_gdbm",
    "dbm.ndbm": "_dbm",
    "gzip": "zlib",
    "idlelib": "_tkinter",
    "lzma": "_lzma",
    "multiprocessing.shared_memory": "_posixshmem",
    "sqlite3": "_sqlite3",
    "ssl": "_ssl",
    "tkinter": "_tkinter",
    "turtle": "_tkinter",
    "xml.dom.minidom": "pyexpat",
    "xml.etree.ElementTree": "pyexpat",
    "xml.parsers.expat": "pyexpat",
    "xml.sax": "pyexpat",
}
"""Modules that cannot be imported without another one, which a system library must be there for."""


def is_standard(name: str) -> bool:
    """Whether a dotted name belongs to the standard library, whose list leaves ``test`` out."""
    top = name.partition(".")[0]
    return top in sys.stdlib_module_names or top == "test"


def part_of(name: str) -> str:
    """The part of a dotted name that may be missing of itself: mostly the top-level module."""
    part = name
    while part and part not in _BUILT_ON:
        part = part.rpartition(".")[0]
    return part or name.partition(".")[0]


def lacking(name: str, missing: Collection[str]) -> str:
    """What a part cannot be imported without, and is missing; empty if nothing is."""
    for needed in (name.partition(".")[0], _BUILT_ON.get(name, "")):
        if needed in missing:
            return needed
    return ""
