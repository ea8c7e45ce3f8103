"""What an image contains, read from its files alone: for one that this machine cannot run.

An image for another processor still says which Python it has: by the ELF header of the
interpreter, the version string in it, and the metadata of the distributions beside it.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass

from ..parity.snapshot import Interpreter, docker_architecture
from .tree import BYTECODE, METADATA, Files

HEADER = re.compile(r"^(Name|Version):[ \t]*(.*?)[ \t]*\r?$", re.MULTILINE)


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
    def from_files(cls, files: Files, path: str, own: str = "") -> Reading:
        """Read the image whose environment has this PATH; ``own`` names a Python elsewhere."""
        shell = files.which(["sh"], path)
        found = files.which(["python3", "python"], path)
        if own:
            real = files.resolve(own)
            found = (own, real) if real else None
        machine = files.machine(found[1]) if found else ""
        machine = machine or (files.machine(shell[1]) if shell else "")
        python, packages = interpreter_at(files, *found) if found else (None, {})
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


def interpreter_at(files: Files, found: str, real: str) -> tuple[Interpreter, dict[str, str]]:
    """A Python by its path and the file behind it, and the distributions that it has."""
    python = _interpreter(files, found, real)
    return python, _distributions(files, python)


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
