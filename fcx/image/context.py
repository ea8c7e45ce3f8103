"""The build context: what the engine is sent, the same bytes for the same source.

Names, kinds, contents and modes count; times and owners do not. A mode that this umask gives is
nobody's choice and is sent as that of the usual umask, so that a fresh clone is the same source;
any other is sent as it is. Links are sent as links, never followed.
"""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

from ..errors import UsageError
from ..protocol import probe
from .ignore import IGNORE_FILE, Rules, read_rules, walk

RESERVED = ".fcx"
"""Folder at the context's top that fcx fills; one that is there already is left out."""

RECORD_STEP = f"COPY {RESERVED}/image.json {probe.IMAGE_RECORD}"
"""What is added at the end of every Dockerfile: the image carries who it is."""

EPOCH = 315532800
"""1980-01-01, the time that every file gets: the earliest that zip files can hold."""

CHUNK = 1 << 20
PLAIN, EXECUTABLE = 0o644, 0o755


@dataclass(frozen=True)
class Entry:
    """One file, folder or link of the context; a path of None stands for ``content``."""

    name: str
    kind: str  # "file" | "folder" | "link"
    path: Path | None = None
    mode: int = PLAIN
    content: bytes = b""
    target: str = ""

    def digest(self) -> bytes:
        """What counts of this entry, each part with its length before it."""
        body = hashlib.sha256(self.content if self.kind == "file" else os.fsencode(self.target))
        if self.kind == "file" and self.path:
            body = hashlib.sha256()
            with _readable(self.path) as stream:
                for chunk in iter(lambda: stream.read(CHUNK), b""):
                    body.update(chunk)
        usual = {"file": PLAIN, "folder": EXECUTABLE}.get(self.kind, self.mode)
        mode = b"" if self.mode == usual else b"x" if self.mode == EXECUTABLE else b"%o" % self.mode
        parts = (os.fsencode(self.name), self.kind.encode(), mode, body.digest())
        return b"".join(len(part).to_bytes(8, "big") + part for part in parts)

    def tar_info(self) -> tarfile.TarInfo:
        """The header under which it travels."""
        info = tarfile.TarInfo(self.name)
        info.mtime = EPOCH
        info.mode = self.mode
        if self.kind == "folder":
            info.type = tarfile.DIRTYPE
        elif self.kind == "link":
            info.type, info.linkname, info.mode = tarfile.SYMTYPE, self.target, 0o777
        else:
            info.size = self.path.stat().st_size if self.path else len(self.content)
        return info


@dataclass(frozen=True)
class Context:
    """All entries in a fixed order, and what a user should know about them."""

    entries: tuple[Entry, ...]
    warnings: tuple[str, ...] = field(default=())

    @classmethod
    def from_folder(
        cls,
        folder: Path,
        extra: Mapping[str, bytes],
        without: Path | None = None,
        dockerfile: Path | None = None,
    ) -> Context:
        """The folder after its ``.dockerignore``, with the files of ``extra`` under RESERVED.

        ``without`` is a folder that is left out: what fcx writes there is no part of the source. A
        ``<dockerfile>.dockerignore`` beside a Dockerfile goes before the context's own.
        """
        if not folder.is_dir():
            raise UsageError(
                f"The build context {folder} is not a folder. Name one that is, or lay out the "
                "usual one with `fcx init`."
            )
        found = tuple(
            _entries(folder, read_rules(folder, dockerfile), without and without.resolve())
        )
        return cls(found, tuple(_stray_links(folder, found))).with_files(extra)

    def with_files(self, files: Mapping[str, bytes]) -> Context:
        """The same with the folder RESERVED holding these files and no others."""
        kept = [entry for entry in self.entries if not entry.name.startswith(RESERVED + "/")]
        kept += [Entry(f"{RESERVED}/{name}", "file", content=data) for name, data in files.items()]
        kept.sort(key=lambda entry: os.fsencode(entry.name))
        return replace(self, entries=tuple(kept))

    def digest(self) -> str:
        """SHA-256 over all entries, in hex."""
        total = hashlib.sha256()
        for entry in self.entries:
            total.update(entry.digest())
        return total.hexdigest()

    def write_tar(self, stream: IO[bytes]) -> None:
        """Write the tar archive that the engine takes, then rewind."""
        with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as archive:
            for entry in self.entries:
                if entry.kind != "file":
                    archive.addfile(entry.tar_info())
                elif entry.path is None:
                    archive.addfile(entry.tar_info(), io.BytesIO(entry.content))
                else:
                    with _readable(entry.path) as source:
                        archive.addfile(entry.tar_info(), source)
        stream.seek(0)


def _entries(folder: Path, rules: Rules, without: Path | None) -> Iterator[Entry]:
    root = folder.resolve()
    umask = int(probe.umask(), 8)
    for name, found in walk(folder, rules):
        if name.split("/")[0] in (RESERVED, IGNORE_FILE):
            continue
        if without and (root / name).is_relative_to(without):
            continue
        if found.is_symlink():
            yield Entry(name, "link", target=str(Path(found.path).readlink()))
        elif found.is_dir():
            yield Entry(name, "folder", mode=_mode(found.stat().st_mode, umask))
        elif found.is_file():  # sockets, pipes and devices cannot be sent
            mode = _mode(found.stat().st_mode, umask)
            yield Entry(name, "file", Path(found.path), mode=mode)


def _mode(mode: int, umask: int) -> int:
    """A mode, or the one of the usual umask for what is as this umask makes it."""
    mode &= 0o7777
    given = {0o666 & ~umask: PLAIN, 0o777 & ~umask: EXECUTABLE}
    return given.get(mode, mode)


def _stray_links(folder: Path, entries: tuple[Entry, ...]) -> Iterator[str]:
    root = folder.resolve()
    for entry in entries:
        if entry.kind != "link":
            continue
        target = Path(os.path.normpath((folder / entry.name).parent.resolve() / entry.target))
        if not target.is_relative_to(root):
            yield (
                f"{entry.name!r} is a link out of the build context, to {entry.target!r}. The "
                "engine gets the link, not what it leads to: copy the file if the image needs it."
            )


def _readable(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise UsageError(
            f"The build context has a file that cannot be read: {path} ({error.strerror}). Set "
            f"its permissions right, or name it in {IGNORE_FILE}."
        ) from error
