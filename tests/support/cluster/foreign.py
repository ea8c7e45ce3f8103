"""Debian's packages of another processor or of another release, unpacked and not installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

PYTHON = "3.11"
PACKAGES = (
    "base-files dash libc6 python3-minimal python3.11-minimal libpython3.11-minimal "
    "libpython3.11-stdlib zlib1g libexpat1 libssl3 libffi8 libbz2-1.0 liblzma5 libgcc-s1"
).split()


def missing_foreign() -> str | None:
    """What this machine lacks for it, or None."""
    absent = [name for name in ("apt-get", "dpkg-deb") if not shutil.which(name)]
    return f"no {', '.join(absent)} here: the packages are Debian's" if absent else None


def debian_root(root: Path, architecture: str = "arm64") -> None:
    """Unpack Debian's Python and shell of that architecture; this machine's dill beside it."""
    with tempfile.TemporaryDirectory() as scratch:
        for package in download(Path(scratch), architecture, PACKAGES):
            subprocess.run(["dpkg-deb", "--extract", package, root], check=True)
    if not (root / "usr/bin/sh").exists() and not (root / "bin/sh").exists():
        (root / "bin").mkdir(exist_ok=True)
        (root / "bin/sh").symlink_to("dash")
    bring_dill(root / "usr/lib/python3/dist-packages")


def programs_of(root: Path, suite: str, packages: Iterable[str]) -> Path:
    """A folder with the programs of a release's packages: those in bin and sbin side by side."""
    with tempfile.TemporaryDirectory() as scratch:
        own = subprocess.run(["dpkg", "--print-architecture"], stdout=-1, text=True, check=True)
        for package in download(Path(scratch), own.stdout.strip(), packages, suite):
            subprocess.run(["dpkg-deb", "--extract", package, root], check=True)
    for program in (root / "usr/sbin").iterdir():
        program.rename(root / "usr/bin" / program.name)
    return root / "usr/bin"


def mirror() -> str:
    """Where this machine has its packages from."""
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return next(line for line in done.stdout.splitlines() if re.search(r"/debian/?$", line))


def download(
    scratch: Path, architecture: str, packages: Iterable[str], suite: str = ""
) -> list[Path]:
    """Packages, fetched with lists and settings that leave this machine's own alone."""
    for folder in ("state/lists/partial", "cache/archives/partial", "debs"):
        (scratch / folder).mkdir(parents=True)
    options = {
        "APT::Architecture": architecture,
        "APT::Architectures": architecture,
        "Dir::State": scratch / "state",
        "Dir::State::status": "/dev/null",
        "Dir::Cache": scratch / "cache",
        "Acquire::Languages": "none",
        "APT::Sandbox::User": "root",
    }
    words = [f"-o{name}={value}" for name, value in options.items()]
    if suite:
        (scratch / "sources.list").write_text(f"deb {mirror()} {suite} main\n")
        words += [f"-oDir::Etc::SourceList={scratch}/sources.list", "-oDir::Etc::SourceParts=-"]
    for verb in (["update"], ["download", *packages]):
        done = subprocess.run(
            ["apt-get", "-qq", *words, *verb],
            cwd=scratch / "debs",
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        )
        if done.returncode:
            raise RuntimeError(f"apt-get {verb[0]}: {done.stderr}")
    return sorted((scratch / "debs").glob("*.deb"))


def bring_dill(folder: Path) -> None:
    """Copy this interpreter's dill with its metadata: pure Python, for any processor."""
    import dill

    source = Path(dill.__file__).parent
    folder.mkdir(parents=True, exist_ok=True)
    ignore = shutil.ignore_patterns("__pycache__", "tests")
    shutil.copytree(source, folder / "dill", ignore=ignore)
    metadata = next(source.parent.glob(f"dill-{dill.__version__}.dist-info"))
    shutil.copytree(metadata, folder / metadata.name)
