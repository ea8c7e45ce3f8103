"""Tell what Python imports in an image, as digests of each entry of ``sys.path``.

    python3 content.py      or, sent to where it is asked for,      describe(ENTRIES, contents)

Syntax and library of Python 3.6, and no part of the programs that every job script carries: only a
pilot that must prove its image brings it along. The same image has the same digests wherever it
runs: no times, modes, owners or byte code count, because layers cut times and engines change modes.
"""

import hashlib
import json
import os
import re
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

COUNTS = re.compile(r"\.(?:py|so|pth|zip|egg)$|\.so\.")
CHUNK = 1 << 20
IMAGE_RECORD = "/etc/fcx/image.json"  # in which the image says who it is
WHOLE = ("RECORD", os.path.basename(IMAGE_RECORD))
"""Files that are read even where sizes are enough of others: they name, or list with digests."""


def describe(entries: "Sequence[str]", contents: bool) -> "dict[str, Any]":
    """``files``: paths, sizes and RECORDs, by entry. ``contents``: the bytes as well.

    An entry that is not on this interpreter's path has None: nothing is imported from there.
    """
    path = {os.path.abspath(entry) for entry in sys.path} | {sys.executable, IMAGE_RECORD}
    found = {"files": {}, "contents": {}, "mounts": mounts(entries)}  # type: dict[str, Any]
    for entry in entries:
        known = entry in path
        found["files"][entry] = digest(entry, entries, False) if known else None
        if contents:
            found["contents"][entry] = digest(entry, entries, True) if known else None
    return found


def summary(files: "Mapping[str, str | None]") -> str:
    """One digest of those of all entries."""
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()


def own_entries() -> "list[str]":
    """What an image imports from: its interpreter, and its path without this program's folder."""
    own = os.path.dirname(os.path.abspath(__file__))
    site = sys.modules.get("site")
    others = {own, getattr(site, "USER_SITE", None)}
    paths = [os.path.abspath(entry) for entry in sys.path]
    kept = [path for path in paths if path not in others and os.path.exists(path)]
    return sorted({sys.executable, *kept, *filter(os.path.exists, [IMAGE_RECORD])})


def digest(entry: str, entries: "Sequence[str]", contents: bool) -> "str | None":
    """Of one entry without those below it that have a digest of their own; None: not there."""
    if not os.path.exists(entry):
        return None
    total = hashlib.sha256()
    if os.path.isfile(entry):
        total.update(fact(entry, os.path.realpath(entry), contents))
    for name, file in walk(entry, frozenset(entries)):
        total.update(fact(name[len(entry) :], file, contents))
    return total.hexdigest()


def walk(folder: str, others: "frozenset[str]") -> "Iterator[tuple[str, str]]":
    """(path, path) of each file that counts, in a fixed order; links are not followed.

    What only its owner may look into is left out, whoever looks: the build looked as a stranger.
    """
    try:
        inside = sorted(os.scandir(folder), key=lambda item: os.fsencode(item.name))
    except OSError:
        return
    for item in inside:
        if item.is_dir(follow_symlinks=False):
            shut = item.stat(follow_symlinks=False).st_mode & 0o5 != 0o5
            if item.name != "__pycache__" and item.path not in others and not shut:
                yield from walk(item.path, others)
        elif COUNTS.search(item.name) or item.name == "RECORD":
            yield item.path, item.path


def fact(name: str, file: str, contents: bool) -> bytes:
    """What counts of a file, with its length before it."""
    known = os.lstat(file)
    if os.path.islink(file):
        what = os.fsencode(os.readlink(file))
    elif known.st_mode & 0o4 and (contents or os.path.basename(file) in WHOLE):
        what = bytes_of(file)
    else:
        what = b"%d" % known.st_size
    parts = os.fsencode(name), what
    return b"".join(b"%d:%s" % (len(part), part) for part in parts)


def bytes_of(file: str) -> bytes:
    """SHA-256 of a file, or nothing where it cannot be read."""
    total = hashlib.sha256()
    try:
        with open(file, "rb") as stream:
            for chunk in iter(lambda: stream.read(CHUNK), b""):
                total.update(chunk)
    except OSError:
        return b""
    return total.digest()


def mounts(entries: "Sequence[str]") -> "list[str]":
    """What is mounted over an entry or above it, or into one; the root is everybody's."""
    try:
        with open("/proc/self/mounts", encoding="utf-8", errors="surrogateescape") as stream:
            points = [line.split(" ")[1] for line in stream]
    except OSError:
        return []
    plain = {re.sub(r"\\([0-7]{3})", lambda m: chr(int(m.group(1), 8)), one) for one in points}
    return sorted(p for p in plain - {"/"} if any(nested(p, e) or nested(e, p) for e in entries))


def nested(path: str, folder: str) -> bool:
    """Whether one is the other, or lies in it."""
    return (path + "/").startswith(folder + "/")


if __name__ == "__main__":
    json.dump(describe(own_entries(), True), sys.stdout)
