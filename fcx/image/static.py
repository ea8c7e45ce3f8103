"""What an image contains, read from its files alone: for one that this machine cannot run.

An image for another processor still says which Python it has: by the ELF header of the
interpreter, the version string in it, and the metadata of the distributions beside it.
"""

from __future__ import annotations

import io
import posixpath
import re
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import IO, cast

from ..parity.manifest import Interpreter, docker_architecture

ELF_MACHINES = {3: "i386", 22: "s390x", 62: "x86_64", 183: "aarch64", 243: "riscv64"}
BINARY = re.compile(
    r"(python3?(\.\d+)?|libpython3[.\d]*\.so[.\d]*|libc[.-].*so.*|sh|dash|bash|busybox)$"
)
METADATA = re.compile(r"\.(dist-info/METADATA|egg-info/PKG-INFO|egg-info)$")
BYTECODE = re.compile(r"/python(3\.\d+)/__pycache__/os\.cpython-\d+\.pyc$")
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
HEADER = re.compile(r"^(Name|Version):[ \t]*(.*?)[ \t]*\r?$", re.MULTILINE)
MAX_LINKS = 40


@dataclass
class Files:
    """What was kept of a file system: names, links, and the few contents that tell something."""

    names: set[str] = field(default_factory=set)
    links: dict[str, str] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)

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

    def machine(self, real: str) -> str:
        """The processor in a file's ELF header, as a kernel names it; empty if it is no ELF."""
        header = self.contents.get(real, b"")[:20]
        if len(header) < 20 or header[:4] != b"\x7fELF":
            return ""
        number = int.from_bytes(header[18:20], "big" if header[5] == 2 else "little")
        return ELF_MACHINES.get(number, f"elf-{number}")


@dataclass(frozen=True)
class Reading:
    """What could be told of an image; an empty string or None where it has no such thing."""

    shell: str
    machine: str
    python: Interpreter | None
    dill: str | None
    distributions: dict[str, str]
    libc: str
    os: str

    @property
    def architecture(self) -> str:
        """The processor as images name it: ``amd64``, ``arm64``."""
        return docker_architecture(self.machine)

    @classmethod
    def from_files(cls, files: Files, path: str) -> Reading:
        """Read the image whose environment has this PATH."""
        shell = files.which(["sh"], path)
        found = files.which(["python3", "python"], path)
        machine = files.machine(found[1]) if found else ""
        machine = machine or (files.machine(shell[1]) if shell else "")
        python = _interpreter(files, *found) if found else None
        packages = _distributions(files, python) if python else {}
        text = files.contents.get("/usr/lib/os-release") or files.contents.get("/etc/os-release")
        match = re.search(rb"^PRETTY_NAME=\"?(.*?)\"?$", text or b"", re.MULTILINE)
        return cls(
            shell=shell[0] if shell else "",
            machine=machine,
            python=python,
            dill=packages.get("dill"),
            distributions=packages,
            libc=_libc(files),
            os=match.group(1).decode("utf-8", "replace") if match else "",
        )


def _tells(name: str) -> bool:
    base = posixpath.basename(name)
    return bool(
        BINARY.match(base)
        or METADATA.search(name)
        or BYTECODE.search(name)
        or name in ("/etc/os-release", "/usr/lib/os-release")
    )


def _interpreter(files: Files, found: str, real: str) -> Interpreter:
    minor = re.search(r"3\.\d+", posixpath.basename(real))
    library = [name for name in files.contents if "libpython3." in name]
    version = ""
    for name in (real, *library):
        pattern = rb"\0(3\.\d+\.\d+(?:(?:a|b|rc)\d+)?)\+?\0"
        versions = [m.decode() for m in re.findall(pattern, files.contents.get(name, b""))]
        wanted = minor.group() + "." if minor else "3."
        version = next((v for v in versions if v.startswith(wanted)), version)
    version = version or (minor.group() if minor else "3")
    short = ".".join(version.split(".")[:2])
    prefix = posixpath.dirname(posixpath.dirname(found)) or "/"
    return Interpreter(
        implementation="cpython",
        version=version,
        cache_tag="cpython-" + short.replace(".", ""),
        magic=_magic(files, short),
        executable=found,
        prefix=prefix,
        base_prefix=prefix,
        pickle_protocol=5 if tuple(map(int, short.split("."))) >= (3, 8) else 4,
    )


def _magic(files: Files, minor: str) -> str:
    """The magic number of this minor's bytecode, from the standard library's own."""
    for name, content in files.contents.items():
        match = BYTECODE.search(name)
        if match and match.group(1) == minor:
            return content[:4].hex()
    return ""


def _distributions(files: Files, python: Interpreter) -> dict[str, str]:
    homes = [f"{python.prefix.rstrip('/')}/lib/python{python.minor}/site-packages"]
    if python.prefix in ("/usr", "/"):
        homes = [f"/usr/local/lib/python{python.minor}/dist-packages"]
        homes += ["/usr/lib/python3/dist-packages", f"/usr/lib/python{python.minor}/dist-packages"]
    found: dict[str, str] = {}
    for home in homes:
        for name, content in sorted(files.contents.items()):
            if name.startswith(home + "/") and METADATA.search(name):
                head = content.split(b"\n\n", 1)[0].decode("utf-8", "replace")
                fields = dict(HEADER.findall(head))
                if len(fields) == 2:
                    key = re.sub(r"[-_.]+", "-", fields["Name"]).lower()
                    found.setdefault(key, fields["Version"])
    return dict(sorted(found.items()))


def _libc(files: Files) -> str:
    for name, content in files.contents.items():
        match = re.search(rb"GNU C Library .*?version (\d+\.\d+)", content)
        if match and posixpath.basename(name).startswith("libc"):
            return f"glibc {match.group(1).decode()}"
    return ""
