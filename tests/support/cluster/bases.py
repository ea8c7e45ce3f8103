"""Base images without a registry: root file systems around Pythons that this machine has.

`base_image(engine, "3.12.1")` is tagged as the Dockerfile's FROM wants it, `python:3.12.1-slim`,
so that the project's Dockerfile builds unmodified. Each is made once for each engine. It carries
this machine's certificates and a /etc/pip.conf, of which the Dockerfile knows nothing.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from cluster.engine import Engine, exclusive, which

SYSTEM = "/usr/bin/python3"
PROGRAMS = (
    "dash bash env cat ls mkdir rm cp mv chmod true echo id sleep uname hostname mount test grep "
    "sed stat date ln head tail wc sha256sum ldconfig getent readlink touch tr dd"
).split()
FOLDERS = (
    "dev proc sys run tmp var/tmp etc/ssl/certs root home mnt opt srv usr/bin usr/sbin usr/lib "
    "usr/lib64 usr/local/bin usr/local/lib"
).split()
PATH = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
UNUSED = {"test", "idlelib", "tkinter", "turtledemo", "site-packages"}
LINKED_BY_WHEELS = (
    "libgcc_s.so.1",
    "libstdc++.so.6",
    "libpthread.so.0",
    "libdl.so.2",
    "librt.so.1",
)


def interpreters() -> dict[str, Path]:
    """{version: prefix} of the CPythons 3.8 and later that can be put into a base image."""
    found = {}
    roots = (os.environ.get("PYENV_ROOT", ""), str(Path("~/.pyenv").expanduser()))
    for root in filter(None, roots):
        for prefix in sorted(Path(root, "versions").glob("3.*")):
            version = prefix.name
            if re.fullmatch(r"3\.\d+\.\d+", version) and (prefix / "bin/python3").exists():
                found.setdefault(version, prefix)
    for prefix in map(Path, (sys.base_prefix, "/usr/local")):
        version = _version(prefix / "bin/python3")
        if version and prefix != Path("/usr"):
            found.setdefault(version, prefix)
    return found


def newest(minor: str) -> str | None:
    """The newest patch of a minor version that is here: ``3.12.1`` of ``3.12``."""
    versions = [v for v in interpreters() if v.startswith(minor + ".")]
    return max(versions, key=lambda v: int(v.rpartition(".")[2]), default=None)


def base_image(engine: Engine, version: str) -> str:
    """The tag of a base with that Python, as the official image is called."""
    tag = f"python:{version}-slim"
    return imported(engine, tag, lambda root: python_root(root, version, interpreters()[version]))


@contextlib.contextmanager
def own_image(engine: Engine, version: str) -> Iterator[None]:
    """Whoever builds the project's Dockerfile for a Python does so in this block, one at a time.

    Its step that asks an index takes a minute; who comes later finds the layer of who came first.
    """
    base_image(engine, version)
    with exclusive(Path(engine.root) / f"own-{version}.lock"):
        yield


def bare_image(engine: Engine, tag: str = "bare:1", *, shell: bool = True) -> str:
    """The tag of a base without any Python, and without a shell unless one is wanted."""
    return imported(engine, tag, lambda root: bare_root(root, shell=shell))


def imported(engine: Engine, tag: str, fill) -> str:
    """Import what `fill` puts into a folder, unless this engine has it already."""
    with exclusive(Path(engine.root) / f"{re.sub(r'[^a-z0-9.]', '-', tag)}.lock"):
        if docker(engine, "image", "inspect", tag, check=False).returncode == 0:
            return tag
        with tempfile.TemporaryDirectory(dir=engine.root) as scratch:
            root = Path(scratch) / "root"
            fill(root)
            changes = [f"ENV PATH={PATH}", "ENV LANG=C.UTF-8", 'CMD ["python3"]']
            import_tree(engine, root, tag, changes)
    return tag


def import_tree(engine: Engine, root: Path, tag: str, changes: Iterable[str] = ()) -> None:
    """`docker import` a folder as an image."""
    options = [word for change in changes for word in ("--change", change)]
    with subprocess.Popen(["tar", "-C", str(root), "-c", "."], stdout=subprocess.PIPE) as tar:
        docker(engine, "import", *options, "-", tag, stdin=tar.stdout)
    if tar.returncode:
        raise RuntimeError(f"tar failed for {tag}")


def docker(engine: Engine, *words: str, check: bool = True, **options):
    """Run the docker command against this engine; its output as text."""
    env = {**os.environ, **engine.env}
    command = [which("docker") or "docker", *words]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, **options)
    if check and done.returncode:
        raise RuntimeError(f"docker {' '.join(words)}: {done.stderr}")
    return done


def bare_root(root: Path, *, shell: bool = True) -> None:
    """A minimal Debian-like root file system of this machine's own programs."""
    for folder in FOLDERS:
        (root / folder).mkdir(parents=True, exist_ok=True)
    for name in ("bin", "sbin", "lib", "lib64"):
        (root / name).symlink_to(f"usr/{name}")
    for name in ("tmp", "var/tmp"):
        (root / name).chmod(0o1777)
    shells = ("dash", "bash")
    programs = [which(name) for name in PROGRAMS if shell or name not in shells]
    for program in filter(None, programs):
        folder = "usr/sbin" if "sbin" in program else "usr/bin"
        shutil.copy2(os.path.realpath(program), root / folder / Path(program).name)
    if shell:
        (root / "usr/bin/sh").symlink_to("dash")
    copy_libraries(root, (program for program in programs if program))
    copy_settings(root)
    subprocess.run([which("ldconfig") or "ldconfig", "-r", str(root)], check=True)


def python_root(root: Path, version: str, prefix: Path) -> None:
    """The same with a CPython in /usr/local, pip from its own bundle, no other packages."""
    bare_root(root)
    minor = ".".join(version.split(".")[:2])
    library = f"lib/python{minor}"

    def ignore(folder: str, names: list[str]) -> set[str]:
        below = os.path.relpath(folder, prefix)
        out = {n for n in names if n == "__pycache__" or n.endswith((".a", ".pyc"))}
        if below == library:
            out |= {n for n in names if n in UNUSED or n.startswith("config-")}
        elif below == "bin":
            out |= {n for n in names if not re.fullmatch(r"python(3(\.\d+)?)?", n)}
        elif below == f"{library}/lib-dynload":
            out |= {n for n in names if n.startswith("_tkinter")}
        return out

    for part in ("bin", "lib"):
        shutil.copytree(
            prefix / part,
            root / "usr/local" / part,
            symlinks=True,
            ignore=_only(prefix, minor, ignore),
            dirs_exist_ok=True,
        )
    (root / "usr/local" / library / "site-packages").mkdir(exist_ok=True)
    modules = (prefix / library / "lib-dynload").glob("*.so")
    binaries = [prefix / f"bin/python{minor}", *(m for m in modules if "_tkinter" not in m.name)]
    copy_libraries(root, map(str, binaries), without=prefix)
    subprocess.run([which("ldconfig") or "ldconfig", "-r", str(root)], check=True)
    bring_pip(root)


def _only(prefix: Path, minor: str, ignore):
    """In lib, only this Python's own: a prefix such as /usr/local may hold much else."""

    def chosen(folder: str, names: list[str]) -> set[str]:
        out = ignore(folder, names)
        if Path(folder) == prefix / "lib":
            out |= {n for n in names if n != f"python{minor}" and not n.startswith("libpython")}
        return out

    return chosen


def bring_pip(root: Path) -> None:
    """Install pip from the interpreter's own bundle."""
    command = ["/usr/local/bin/python3", "-I", "-m", "ensurepip", "--default-pip"]
    env = {"PATH": PATH, "PYTHONDONTWRITEBYTECODE": "1", "PIP_ROOT_USER_ACTION": "ignore"}
    chroot = [which("chroot") or "chroot", str(root)]
    done = subprocess.run([*chroot, *command], env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"ensurepip: {done.stderr}")


def copy_libraries(root: Path, binaries: Iterable[str], without: Path | None = None) -> None:
    """Copy the shared libraries that binaries name, but not those that lie below `without`."""
    paths = set()
    for binary in binaries:
        paths |= {
            path for path in linked(binary) if not (without and path.startswith(str(without)))
        }
    for folder in ("/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu"):
        paths |= {str(p) for p in Path(folder).glob("libnss_*.so.2")}
        paths |= {f"{folder}/{name}" for name in LINKED_BY_WHEELS if Path(folder, name).exists()}
    for path in sorted(paths):
        place = path if path.startswith("/usr/") else f"/usr{path}"
        target = root / place.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            shutil.copy2(os.path.realpath(path), target)


@cache
def linked(binary: str) -> frozenset[str]:
    """The shared libraries that `ldd` finds for a binary."""
    text = subprocess.run(["ldd", binary], capture_output=True, text=True, check=False).stdout
    return frozenset(re.findall(r"(/\S+\.so\S*)", text))


def copy_settings(root: Path) -> None:
    """What a system's libraries look up: users, names, locale, certificates; and pip's settings."""
    etc = root / "etc"
    for name in ("os-release", "nsswitch.conf", "protocols", "services"):
        if Path("/etc", name).exists():
            shutil.copy2(Path("/etc", name), etc / name)
    (etc / "passwd").write_text(
        "root:x:0:0:root:/root:/bin/sh\n"
        "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
    )
    (etc / "group").write_text("root:x:0:\nnogroup:x:65534:\n")
    (etc / "ld.so.conf").write_text(
        "/usr/local/lib\n/usr/lib/x86_64-linux-gnu\n/usr/lib/aarch64-linux-gnu\n"
    )
    locale = Path("/usr/lib/locale/C.utf8")
    if locale.is_dir():
        shutil.copytree(locale, root / "usr/lib/locale/C.utf8")
    lines = ["[global]", "disable-pip-version-check = true", "default-timeout = 180"]
    if CERTIFICATES.exists():
        shutil.copy2(CERTIFICATES, root / CERTIFICATES.relative_to("/"))
        lines.append(f"cert = {CERTIFICATES}")
    (etc / "pip.conf").write_text("\n".join([*lines, ""]))


def _version(python: Path) -> str | None:
    """The version that an interpreter says it is."""
    if not python.exists():
        return None
    code = "import sys; print('.'.join(map(str, sys.version_info[:3])))"
    command = [str(python), "-I", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or None
