"""A folder of small wheels that pip and uv install from, with no index: made by the test."""

from __future__ import annotations

import os
import re
import shutil
import sys
import zipfile
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from fcx.install import NAME
from fcx.venv.own import requirements

UV = Path(sys.executable).with_name("uv")


class Shelf:
    """Wheels by name and version; ``env`` has tools look here and nowhere else."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def wheel(self, name: str, version: str, needs: Iterable[str] = ()) -> Path:
        """A distribution with one package, that says its version."""
        stem = f"{name.replace('-', '_')}-{version}"
        head = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}"]
        texts = {
            f"{name.replace('-', '_').lower()}/__init__.py": f"__version__ = {version!r}\n",
            f"{stem}.dist-info/METADATA": "\n".join(
                [*head, *(f"Requires-Dist: {n}" for n in needs), "", ""]
            ),
            f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        record = f"{stem}.dist-info/RECORD"
        texts[record] = "".join(f"{file},,\n" for file in [*texts, record])
        path = self.folder / f"{stem}-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as made:
            for file, text in texts.items():
                made.writestr(file, text)
        return path

    def needs_of_fcx(self) -> dict[str, str]:
        """Empty stand-ins for what fcx asks for, in the releases that run these tests."""
        made = {}
        for line in requirements():
            found = re.match(r"[\w.-]+", line)
            if found and _is_here(found[0]):
                made[found[0]] = metadata.version(found[0])
                self.wheel(found[0], made[found[0]])
        self.wheel("tomli", "2.2.1")
        return made

    def env(self, tool: str) -> dict[str, str]:
        """The caller's variables without those that lead elsewhere, and with or without uv."""
        kept = {k: v for k, v in os.environ.items() if not re.match("PIP_|UV_|PYTHON|VIRTUAL_", k)}
        folders = [part for part in kept["PATH"].split(":") if not Path(part, "uv").exists()]
        kept["PATH"] = ":".join(folders)
        found = {
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.folder),
            "PIP_CONFIG_FILE": os.devnull,
        }
        if tool == "uv":
            tools = self.folder.parent / "tools"
            tools.mkdir(exist_ok=True)
            if not (tools / "uv").exists():
                (tools / "uv").symlink_to(uv())
            kept["PATH"] = f"{tools}:{kept['PATH']}"
        return {**kept, **found, "XDG_CONFIG_HOME": str(self.folder.parent / "config")}


def uv() -> Path:
    """The uv of the environment that runs the tests, else of PATH."""
    found = UV if UV.is_file() else shutil.which("uv")
    assert found, "no uv: it is one of the developers' requirements; `make .venv/.ready` has it"
    return Path(found)


def _is_here(name: str) -> bool:
    try:
        return bool(metadata.version(name)) and name != NAME
    except metadata.PackageNotFoundError:
        return False
