"""File records of the API: what `ls -l --quoting-style=c` prints, parsed or made here."""

from __future__ import annotations

import functools
import os
import pwd
import re
import shlex
import stat
import time
from typing import Any

from ...users import group_name

Entry = dict[str, Any]

LS = ("ls", "-l", "--quoting-style=c", "--time-style=+%Y-%m-%dT%H:%M:%S")

_LINE = re.compile(
    r"^(?P<type>\S)(?P<permissions>\S+)\s+\d+\s+(?P<user>\S+)\s+(?P<group>\S+)\s+"
    r"(?P<size>\d+)\s+(?P<modified>[\dT:-]+)\s+(?P<name>.+)$"
)
_FOLDER = re.compile(r'^"(.+)":$')
_SHORT_ESCAPES = {7: "a", 8: "b", 9: "t", 10: "n", 11: "v", 12: "f", 13: "r"}


def parse(output: str) -> list[Entry]:
    """The records in what `ls` printed; with -R, names are relative to the first folder."""
    entries: list[Entry] = []
    root: str | None = None
    prefix = ""
    for line in output.splitlines():
        folder = _FOLDER.match(line)
        if folder:
            here = folder[1].rstrip("/") + "/"
            root = here if root is None else root
            prefix = here.removeprefix(root)
            continue
        entry = _parse_line(line, prefix)
        if entry is not None:
            entries.append(entry)
    return entries


def _parse_line(line: str, prefix: str) -> Entry | None:
    match = _LINE.match(line)
    if match is None:
        return None
    words = shlex.split(match["name"])
    if len(words) not in {1, 3}:
        return None
    return {
        "name": prefix + words[0],
        "type": match["type"],
        "linkTarget": words[2] if len(words) == 3 else None,
        "user": match["user"],
        "group": match["group"],
        "permissions": match["permissions"],
        "lastModified": match["modified"],
        "size": match["size"],
    }


def entry(path: str, name: str) -> Entry | None:
    """The record of one path, under `name`; None for a device, which the API leaves out."""
    status = os.lstat(path)
    mode = stat.filemode(status.st_mode)
    if mode[0] in "bc":
        return None
    return {
        "name": as_listed(name),
        "type": mode[0],
        "linkTarget": as_listed(os.readlink(path)) if mode[0] == "l" else None,
        "user": _user_name(status.st_uid),
        "group": group_name(status.st_gid),
        "permissions": mode[1:],
        "lastModified": time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(status.st_mtime)),
        "size": str(status.st_size),
    }


def folder(path: str, hidden: bool) -> list[Entry]:
    """The records of a directory's entries, in the order of `LC_ALL=C ls`."""
    names = sorted(os.listdir(os.fsencode(path)))
    found = (
        entry(os.path.join(path, os.fsdecode(name)), os.fsdecode(name))
        for name in names
        if hidden or not name.startswith(b".")
    )
    return [one for one in found if one is not None]


def as_listed(name: str) -> str:
    r"""A name after C quoting and shell splitting: `ä` is `\303\244`, a newline is `\n`."""
    if name.isascii() and name.isprintable():
        return name
    return "".join(_escaped(byte) for byte in os.fsencode(name))


def _escaped(byte: int) -> str:
    if 32 <= byte < 127:
        return chr(byte)
    short = _SHORT_ESCAPES.get(byte)
    return f"\\{short}" if short else f"\\{byte:03o}"


@functools.lru_cache(maxsize=256)
def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
