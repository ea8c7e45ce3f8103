"""A file system as an engine exports it: its names and links, and the few contents that tell."""

from __future__ import annotations

import io
import posixpath
import re
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import IO, cast

ELF_MACHINES = {3: "i386", 22: "s390x", 62: "x86_64", 183: "aarch64", 243: "riscv64"}
BINARY = re.compile(
    r"(python3?(\.\d+)?|libpython3[.\d]*\.so[.\d]*|libc[.-].*so.*|sh|dash|bash|busybox)$"
)
METADATA = re.compile(r"\.(dist-info/METADATA|egg-info/PKG-INFO|egg-info)$")
BYTECODE = re.compile(r"/python(3\.\d+)/__pycache__/os\.cpython-\d+\.pyc$")
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
MAX_LINKS = 40


@dataclass
class Files:
    """What was kept of a file system: names, links, and the few contents that tell something."""

    names: set[str] = field(default_factory=set)
    links: dict[str, str] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)  # folders that only their owners may enter

    @classmethod
    def from_tar(cls, stream: IO[bytes] | io.RawIOBase) -> Files:
        """Read an exported file system in one pass."""
        files = cls()
        with tarfile.open(fileobj=cast("IO[bytes]", stream), mode="r|*") as archive:
            for member in archive:
                name = "/" + member.name.strip("/").removeprefix("./")
                if member.issym():
                    files.links[name] = member.linkname
                elif member.islnk():
                    files.links[name] = "/" + member.linkname.lstrip("/").removeprefix("./")
                else:
                    files.names.add(name)
                    if member.isdir() and not member.mode & 0o001:
                        files.closed.add(name)
                    if member.isfile() and _tells(name):
                        source = archive.extractfile(member)
                        files.contents[name] = source.read() if source else b""
        return files

    def resolve(self, path: str) -> str | None:
        """The real file behind a path, links followed within the image; None if there is none."""
        for _ in range(MAX_LINKS):
            parts = path.strip("/").split("/")
            for i in range(1, len(parts) + 1):
                head = "/" + "/".join(parts[:i])
                if head in self.links:
                    target = posixpath.join(posixpath.dirname(head), self.links[head])
                    path = posixpath.normpath(posixpath.join(target, *parts[i:]))
                    break
            else:
                return path if path in self.names else None
        return None

    def which(self, programs: Iterable[str], path: str) -> tuple[str, str] | None:
        """(path as found on PATH, real file) of the first of these programs."""
        for program in programs:
            for folder in (path or DEFAULT_PATH).split(":"):
                found = posixpath.join(folder, program)
                real = self.resolve(found)
                if real:
                    return found, real
        return None

    def closed_above(self, path: str) -> str:
        """The first folder on the way to a file that only its owner may enter, if there is one."""
        parts = path.strip("/").split("/")[:-1]
        folders = ("/" + "/".join(parts[: i + 1]) for i in range(len(parts)))
        return next((folder for folder in folders if folder in self.closed), "")

    def machine(self, real: str) -> str:
        """The processor in a file's ELF header, as a kernel names it; empty if it is no ELF."""
        header = self.contents.get(real, b"")[:20]
        if len(header) < 20 or header[:4] != b"\x7fELF":
            return ""
        number = int.from_bytes(header[18:20], "big" if header[5] == 2 else "little")
        return ELF_MACHINES.get(number, f"elf-{number}")


def _tells(name: str) -> bool:
    base = posixpath.basename(name)
    return bool(
        BINARY.match(base)
        or METADATA.search(name)
        or BYTECODE.search(name)
        or name in ("/etc/os-release", "/usr/lib/os-release")
    )
