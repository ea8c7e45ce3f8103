"""Images of real interpreters as .sqsh files, with ids baked in as `fcx image build` does it.

A tree is made around an interpreter of this machine, copied for each variant, and packed as enroot
lays it out. What is in it is asked of it: the probe runs inside. Takes root, as the Slurm of the
tests does anyway.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from cluster import bases, environment
from cluster.engine import exclusive, which

from fcx.parity.manifest import Manifest, Sqsh
from fcx.parity.snapshot import Snapshot
from fcx.protocol import probe
from fcx.records import replace

OWN = ".".join(map(str, sys.version_info[:3]))
SYSTEM = Path("/usr/bin/python3")
TINY = "tiny_for_parity"


@dataclass(frozen=True)
class Variant:
    """An image: its Python, its dill, packages made up for the tests, and who it says it is."""

    python: str = OWN
    dill: str | None = "same"  # the caller's own
    packages: dict[str, str] = field(default_factory=dict)
    build_id: str | None = "b" * 64

    @property
    def name(self) -> str:
        """A file name that tells variants apart."""
        packages = "-".join(f"{name}{version}" for name, version in self.packages.items())
        return f"{self.python}-dill{self.dill}-{packages}-{(self.build_id or 'none')[:4]}"


class Images:
    """Makes the image of a variant when it is first asked for; processes may share the folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def get(self, variant: Variant) -> Manifest:
        """The manifest of a variant; its ``sqsh.path`` is the packed image."""
        record = self.folder / f"{variant.name}.json"
        with exclusive(self.folder / "lock"):
            if not record.exists():
                record.write_text(self._make(variant).to_json())
        return Manifest.from_json(record.read_bytes())

    def without_python(self, like: Manifest) -> Manifest:
        """An image with a shell and no Python; the rest of the manifest is another's."""
        packed = self.folder / "no-python.sqsh"
        with exclusive(self.folder / "lock"):
            if not packed.exists():
                environment.squash(self._base("none"), packed)
        return replace(like, sqsh=Sqsh(str(packed), "0" * 64))

    def _make(self, variant: Variant) -> Manifest:
        tree = self.folder / "trees" / variant.name
        tree.parent.mkdir(exist_ok=True)
        subprocess.run(["cp", "-al", self._base(variant.python), tree], check=True)
        site = site_of(tree)
        if variant.dill:
            put_dill(site, variant.dill)
        for name, version in variant.packages.items():
            put_package(site, name, version)
        if variant.build_id:
            (tree / "etc/fcx").mkdir()
            record = {"recipe_id": "a" * 64, "build_id": variant.build_id}
            (tree / "etc/fcx/image.json").write_text(json.dumps(record))
        found = probe_inside(tree)
        packed = environment.squash(tree, self.folder / f"{variant.name}.sqsh")
        shutil.rmtree(tree)
        adopted = Manifest.adopt("image", found, {"PATH": bases.PATH})
        origin = "built" if variant.build_id else "adopted"
        return replace(adopted, origin=origin, sqsh=Sqsh(str(packed), "0" * 64))

    def _base(self, version: str) -> Path:
        tree = self.folder / "bases" / version
        if not tree.exists():
            tree.mkdir(parents=True)
            if version == "system":
                system_root(tree)
            elif version == "none":
                bases.bare_root(tree)
            else:
                bases.python_root(tree, version, bases.interpreters()[version])
            complete(tree)
        return tree


def complete(tree: Path) -> None:
    """What enroot adds to a root file system."""
    (tree / "etc/environment").write_text(f"PATH={bases.PATH}\nLANG=C.UTF-8\n")
    (tree / "etc/rc").write_text('exec "$@"\n')


def system_root(tree: Path) -> None:
    """A root file system around the Python of this machine's own system, where it lies."""
    bases.bare_root(tree)
    binary = Path(os.path.realpath(SYSTEM))
    shutil.copy2(binary, tree / "usr/bin" / binary.name)
    (tree / "usr/local/bin/python3").symlink_to(f"/usr/bin/{binary.name}")
    library = Path("/usr/lib", binary.name)
    shutil.copytree(library, tree / library.relative_to("/"), symlinks=True, dirs_exist_ok=True)
    bases.copy_libraries(tree, [str(binary), *map(str, library.glob("lib-dynload/*.so"))])
    subprocess.run([which("ldconfig") or "ldconfig", "-r", str(tree)], check=True)


def site_of(tree: Path) -> Path:
    """The folder that the tree's Python installs into."""
    found = sorted((tree / "usr/local/lib").glob("python3*/site-packages"))
    if not found:
        minor = next(iter(sorted((tree / "usr/lib").glob("python3.*"))), tree / "usr/lib/python3.0")
        found = [tree / "usr/local/lib" / minor.name / "dist-packages"]
        found[0].mkdir(parents=True, exist_ok=True)
    return found[0]


def put_dill(site: Path, version: str) -> None:
    """The caller's dill, or another version from where pip finds it."""
    import dill

    if version not in {"same", dill.__version__}:
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", site]
        subprocess.run([*install, f"dill=={version}"], check=True)
        return
    package = Path(dill.__file__).parent
    shutil.copytree(package, site / "dill", ignore=shutil.ignore_patterns("__pycache__", "tests"))
    info = package.with_name(f"dill-{dill.__version__}.dist-info")
    shutil.copytree(info, site / info.name)


def put_package(site: Path, name: str, version: str) -> None:
    """A package with one function and one class, and metadata that give it a version."""
    (site / name).mkdir(parents=True, exist_ok=True)
    source = f"VERSION = {version!r}\n\n\ndef version():\n    return VERSION\n"
    (site / name / "__init__.py").write_text(source)
    info = site / f"{name}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "RECORD").write_text(f"{name}/__init__.py,,\n{info.name}/METADATA,,\n")


def probe_inside(tree: Path) -> Snapshot:
    """What the probe finds in the tree, or in a place without Python the caller's own answer."""
    shutil.copy(probe.__file__, tree / "probe.py")
    chroot = [which("chroot") or "chroot", str(tree)]
    command = [*chroot, "/usr/local/bin/python3", "-B", "-I", "/probe.py"]
    env = {"PATH": bases.PATH, "LANG": "C.UTF-8", "HOME": "/root"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    (tree / "probe.py").unlink()
    return Snapshot.from_json(done.stdout)
