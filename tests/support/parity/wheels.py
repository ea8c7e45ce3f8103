"""Distributions made up for the tests, as wheels that pip installs, and a few real ones."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

TINY = (
    "1.2", "1.2.0", "1.2.9", "1.3.0", "1.3.0rc1", "1.2.0rc1", "1.2.0.post1", "1.2.0.dev1",
    "1.2.0+cu121", "1.3.0+cu121", "1!1.2.0", "2.0.0", "2026.11",
)  # fmt: skip
PLAIN = ("1.2.0", "1.2.9", "1.3.0")
CATALOGUE: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "tiny": (("tiny/__init__.py", "tiny/sub.py"), TINY),
    "types-tiny": (("tiny-stubs/__init__.pyi",), PLAIN),
    "spaced-a": (("spaced/a/__init__.py",), PLAIN),
    "spaced-b": (("spaced/deep/b/__init__.py",), PLAIN),
    "whole": (("whole/__init__.py",), PLAIN),
    "whole-plugin": (("whole/plugins/p.py",), PLAIN),
    "cvx": (("cvx/__init__.py",), PLAIN),
    "cvx-headless": (("cvx/__init__.py",), PLAIN),
    "dashed-name": (("dashed_name.py",), PLAIN),
    "Foo.Bar_baz": (("foobar/__init__.py",), PLAIN),
}
"""Name: (files, versions)."""

PRIVATE = "7.1.0"
"""A version of tiny that no index has."""

DILL = "0.3.8"
"""A dill that is not the client's own."""


def file_name(name: str, version: str) -> str:
    """A wheel's, without its ending."""
    return f"{stem(name, version)}-py3-none-any"


def stem(name: str, version: str) -> str:
    """What names the metadata's folder."""
    return f"{name.replace('-', '_').replace('.', '_')}-{version}"


def metadata(name: str, version: str) -> str:
    """A METADATA or PKG-INFO."""
    return f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\n"


def wheel(folder: Path, name: str, version: str, files: Iterable[str]) -> Path:
    """A wheel of modules with nothing but a version, whose list of files is as pip leaves it."""
    return of_texts(folder, name, version, dict.fromkeys(files, f"VERSION = {version!r}\n"))


def of_texts(folder: Path, name: str, version: str, modules: Mapping[str, str]) -> Path:
    """The same of modules with these texts."""
    path = folder / f"{file_name(name, version)}.whl"
    info = f"{stem(name, version)}.dist-info"
    texts = dict(modules)
    texts[f"{info}/METADATA"] = metadata(name, version)
    texts[f"{info}/WHEEL"] = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = [f"{file},,{len(text)}" for file, text in texts.items()]
    texts[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,"]) + "\n"
    with zipfile.ZipFile(path, "w") as made:
        for file, text in texts.items():
            made.writestr(file, text)
    return path


def fill(folder: Path) -> None:
    """All that can be installed in the tests."""
    for name, (files, versions) in CATALOGUE.items():
        for version in versions:
            wheel(folder, name, version, files)
    import dill

    for version in (DILL, dill.__version__):
        quiet = ("--quiet", "--disable-pip-version-check", "--no-deps")
        command = [sys.executable, "-m", "pip", "download", *quiet, "--dest", str(folder)]
        subprocess.run([*command, f"dill=={version}"], check=True)


def unpack(folder: Path, wanted: str, site: Path) -> None:
    """Install ``name==version`` from the wheels in ``folder``, as pip lays it out."""
    name, _, version = wanted.partition("==")
    extract(folder / f"{file_name(name, version)}.whl", site)


def extract(wheel_file: Path, site: Path) -> None:
    """Install a wheel."""
    with zipfile.ZipFile(wheel_file) as made:
        made.extractall(site)
