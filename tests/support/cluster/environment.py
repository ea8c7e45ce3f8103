"""Installs the stand-in for `srun --environment` into a Slurm of the tests, and makes small images.

The plugin is compiled from spank_environment.c when it is needed (gcc, libslurm-dev). Slurm's
daemons must run as root, with loop devices and the right to mount: `missing()` says what lacks.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

PACKAGES = "apt-get install gcc libc6-dev libslurm-dev squashfs-tools"
HERE = Path(__file__).parent
HEADER = Path("/usr/include/slurm/spank.h")
COMMANDS = "dash cat env id ls mkdir pwd readlink rm sleep stat touch true".split()
COMPILE = ("gcc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror")


def missing() -> str | None:
    """What the stand-in lacks on this machine and how to get it; None where it can run."""
    lacks = [name for name in ("gcc", "mksquashfs", "unsquashfs") if shutil.which(name) is None]
    if not HEADER.exists():
        lacks.append(str(HEADER))
    if lacks:
        return f"no {', '.join(lacks)} here ({PACKAGES})"
    if os.geteuid() != 0:
        return "mounting images takes a Slurm that runs as root"
    if not Path("/dev/loop-control").exists():
        return "no loop devices here (/dev/loop-control)"
    return None


def install(root: Path) -> str:
    """Compile the plugin into `root`, for `slurm_cluster(plugstack=)`; its line there."""
    folder = root / "environment"
    folder.mkdir(mode=0o755)
    scratch = folder / "mnt"
    scratch.mkdir(mode=0o755)
    plugin, resolver = folder / "spank_environment.so", folder / "edf_resolve.py"
    # Users who may not read this repository run the resolver too.
    shutil.copyfile(HERE / "edf_resolve.py", resolver)
    resolver.chmod(0o644)
    command = [*COMPILE, "-shared", "-fPIC", "-o", str(plugin), str(HERE / "spank_environment.c")]
    subprocess.run(command, check=True)
    return f"required {plugin} python={_python()} resolver={resolver} scratch={scratch}"


def _python() -> str:
    """A Python that any user may run and that reads TOML: the system's, else this one."""
    for candidate in filter(os.path.exists, ("/usr/bin/python3", "/usr/local/bin/python3")):
        test = [candidate, "-I", "-c", "import tomllib"]
        if subprocess.run(test, capture_output=True, check=False).returncode == 0:
            return candidate
    return sys.executable


def squash(tree: Path, image: Path) -> Path:
    """Pack a root file system as enroot lays it out; `image` appears whole."""
    part = image.with_name(image.name + ".part")
    options = (
        "-noappend",
        "-quiet",
        "-no-progress",
        "-noI",
        "-noD",
        "-noF",
        "-noX",
        "-mkfs-time",
        "0",
    )
    command = ["mksquashfs", str(tree), str(part), *options]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return part.rename(image)


def tiny_tree(tree: Path, *, environ: Mapping[str, str] | None = None, workdir: str = "/") -> Path:
    """A root file system of some 2 MB: dash and a few commands, with the libraries they load."""
    for name in ("usr/bin", "etc", "tmp", "home", "root", "opt", "usr/lib"):
        (tree / name).mkdir(parents=True)
    (tree / "bin").symlink_to("usr/bin")
    libraries: set[str] = set()
    for name in COMMANDS:
        program = os.path.realpath(shutil.which(name) or f"/bin/{name}")
        shutil.copy(program, tree / "usr/bin" / name)
        libraries |= _libraries(program)
    (tree / "usr/bin/sh").symlink_to("dash")
    for library in libraries:
        target = tree / library.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(os.path.realpath(library), target)
    (tree / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (tree / "etc/group").write_text("root:x:0:\n")
    lines = [f"{name}={value}\n" for name, value in (environ or {}).items()]
    (tree / "etc/environment").write_text("".join(lines))
    (tree / "etc/rc").write_text(f'mkdir -p "{workdir}" 2> /dev/null\ncd "{workdir}"\nexec "$@"\n')
    (tree / workdir.lstrip("/")).mkdir(parents=True, exist_ok=True)
    (tree / "tmp").chmod(0o1777)
    return tree


def _libraries(program: str) -> set[str]:
    """Absolute paths of the shared libraries of a program, its loader included."""
    listing = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    return {word for word in listing.split() if word.startswith("/")}
