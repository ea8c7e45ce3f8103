"""Real environments in a few milliseconds: a folder with an interpreter, filled by hand.

What every one of them has, dill and what fcx stands on, is installed once for each interpreter and
linked from there. An environment may be the inside of an image: then it runs in a container that
has it at ``/opt/env``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from pathlib import Path
from threading import Thread

import pip
from cluster import bases
from cluster.engine import exclusive, which
from places import REPOSITORY
from unpacked import unpacked

from fcx.install import NAME
from fcx.jobscript import programs

from . import wheels

OWN = ".".join(map(str, sys.version_info[:3]))
NEEDED = ("msgspec", "packaging", "platformdirs", "tomli")
INSIDE = Path("/opt/env")
SYSTEM_FOLDERS = ("usr", "bin", "lib", "lib64", "sbin", "etc/ssl")
FOREIGN = (
    "PYTHON",
    "PIP_",
    "VIRT",
    "CONDA",
    "FCX_",
    "FIRECREST",
    "LC_",
    "LANG",
    "TZ",
    "OMP_",
    "LD_",
)
PYPY = Path("/usr/bin/pypy3")
OLDEST = (3, 8)


def interpreter(version: str) -> Path:
    """The file of a Python of this machine."""
    if version == "pypy":
        return PYPY
    if version == "system":
        return Path(os.path.realpath(bases.SYSTEM))
    prefix = Path(sys.base_prefix) if version == OWN else bases.interpreters()[version]
    return prefix / "bin" / f"python{version.rpartition('.')[0]}"


class Quiet(SimpleHTTPRequestHandler):
    """Says nothing of what it serves."""

    def log_message(self, *_: object) -> None: ...


def is_current(version: str) -> bool:
    """Whether tasks run on it."""
    own = version in (OWN, "system")
    return own or (version != "pypy" and tuple(map(int, version.split(".")[:2])) >= OLDEST)


class Stock:
    """What environments are made of; processes share the folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    @cached_property
    def wheels(self) -> Path:
        """The folder of all that can be installed."""
        return self.once("wheels", wheels.fill)

    def real(self, wanted: str) -> Path:
        """The wheel of a real distribution for the tests' own Python, which pip finds, too."""

        def download(folder: Path) -> None:
            quiet = ("--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:")
            command = [sys.executable, "-m", "pip", "download", *quiet, "--dest", str(folder)]
            subprocess.run([*command, wanted], check=True, env=quiet_env())
            (wheel,) = folder.iterdir()
            os.link(wheel, self.wheels / wheel.name)

        (wheel,) = self.once(f"real-{wanted}", download).iterdir()
        return wheel

    @cached_property
    def private(self) -> Path:
        """A folder of wheels that no index has."""

        def fill(folder: Path) -> None:
            wheels.wheel(folder, "tiny", wheels.PRIVATE, wheels.CATALOGUE["tiny"][0])

        return self.once("private", fill)

    @cached_property
    def served(self) -> str:
        """The URL of that folder, for as long as this process lasts."""
        handler = partial(Quiet, directory=str(self.private))
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    @cached_property
    def programs(self) -> Path:
        """What agents run, and beside it the folder that they import from."""

        def write(folder: Path) -> None:
            (folder / "programs.py").write_bytes(programs.program())
            unpacked(folder / "programs")

        return self.once("programs", write) / "programs.py"

    def library(self, python: Path) -> Path:
        """A site-packages with what fcx needs in a process that calls submit."""

        def install(folder: Path) -> None:
            wanted = [f"dill=={metadata.version('dill')}", *NEEDED]
            quiet = ("--quiet", "--disable-pip-version-check", "--root-user-action=ignore")
            command = [sys.executable, "-m", "pip", "--python", str(python), "install", *quiet]
            more = ["--compile", "--target", str(folder), *wanted]
            subprocess.run([*command, *more], check=True, env=quiet_env())
            shutil.rmtree(folder / "bin", ignore_errors=True)
            own = metadata.distribution(NAME)
            info = folder / f"{NAME.replace('-', '_')}-{own.version}.dist-info"
            info.mkdir()
            for file in ("METADATA", "direct_url.json"):
                (info / file).write_text(own.read_text(file) or "{}")

        return self.once(f"library-{python.name}-{python.parts[-3]}", install)

    def once(self, name: str, fill: Callable[[Path], None]) -> Path:
        """A folder that is filled when it is first asked for."""
        path = self.folder / name
        with exclusive(self.folder / f"{name}.lock"):
            if not path.exists():
                making = self.folder / f"{name}~"
                shutil.rmtree(making, ignore_errors=True)
                making.mkdir()
                fill(making)
                making.rename(path)
        return path


def quiet_env() -> dict[str, str]:
    """The caller's variables without those that change a Python's or a pip's mind."""
    return {k: v for k, v in os.environ.items() if not k.startswith(FOREIGN)}


@dataclass
class Place:
    """An environment that was made; ``folder`` is where it lies, ``home`` where it is seen."""

    folder: Path
    stock: Stock
    version: str = OWN
    contained: bool = False
    env: dict[str, str] = field(default_factory=dict)
    mounts: list[tuple[Path, str]] = field(default_factory=list)

    @classmethod
    def make(
        cls, folder: Path, stock: Stock, version: str = OWN, *, contained: bool = False
    ) -> Place:
        """With dill and what fcx stands on, and nothing else."""
        own = folder / INSIDE.relative_to("/") if contained else folder
        made = cls(own, stock, version, contained)
        python = interpreter(version)
        made.site.mkdir(parents=True)
        (own / "bin").mkdir()
        made.project.mkdir()
        for name in ("python", "python3"):
            (own / "bin" / name).symlink_to(python)
        made.configure(python.parent)
        if contained:
            for path in (Path("/", name) for name in SYSTEM_FOLDERS):
                if path.is_symlink():
                    (folder / path.name).symlink_to(path.readlink())
        if is_current(version):
            made.fill(stock.library(python))
        return made

    @property
    def root(self) -> Path:
        """Of a contained one, what is mounted as the root."""
        return self.folder.parents[len(INSIDE.parts) - 2]

    @property
    def record(self) -> Path:
        """Where an image says who it is."""
        return self.root / "etc/fcx/image.json"

    def configure(self, home: Path, more: str = "") -> None:
        """Say where the standard library is."""
        text = f"home = {home}\ninclude-system-site-packages = false\n{more}"
        (self.folder / "pyvenv.cfg").write_text(text)

    def fill(self, library: Path) -> None:
        """Put in what every environment has."""
        for part in library.iterdir():
            if part.is_dir():
                shutil.copytree(part, self.site / part.name, copy_function=os.link)
            else:
                os.link(part, self.site / part.name)
        (self.site / "pip").symlink_to(Path(pip.__file__).parent)
        (self.site / "fcx").symlink_to(REPOSITORY / "fcx")

    def copy(self, folder: Path) -> Place:
        """The same image unpacked elsewhere: with other times, file by file."""
        shutil.copytree(self.root, folder, symlinks=True, copy_function=shutil.copyfile)
        own = folder / INSIDE.relative_to("/")
        return replace(self, folder=own, env=dict(self.env), mounts=list(self.mounts))

    @property
    def home(self) -> Path:
        """Where its own processes see it."""
        return INSIDE if self.contained else self.folder

    @property
    def site(self) -> Path:
        """Its site-packages."""
        return self.folder / "lib" / self._minor / "site-packages"

    @property
    def project(self) -> Path:
        """The folder that its programs are started in."""
        return self.folder / "project"

    @property
    def python(self) -> Path:
        """Its interpreter, as its own processes see it."""
        return self.home / "bin" / "python"

    @property
    def _minor(self) -> str:
        if self.version == "pypy":
            return "pypy3.9"
        name = interpreter(self.version).name
        return name if "." in name else f"python{sys.version_info[0]}.{sys.version_info[1]}"

    def seen(self, path: Path) -> Path:
        """A path of this machine as its own processes see it."""
        return self.home / path.relative_to(self.folder)

    def variables(self) -> dict[str, str]:
        """What its processes have in their environment."""
        path = f"{self.home}/bin:/usr/local/bin:/usr/bin:/bin"
        pips = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.stock.wheels)}
        quiet = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore"}
        base = {"PATH": path, "HOME": str(self.home), "LANG": "C.UTF-8", **pips, **quiet}
        return {k: v for k, v in {**base, **self.env}.items() if v != "unset"}

    def start(self, *command: str | Path, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command in its project."""
        words = [*(self._container() if self.contained else ()), *map(str, command)]
        return subprocess.run(
            words, input=given, env=self.variables(), cwd=None if self.contained else self.project,
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    def run(self, *command: str | Path, given: str = "") -> str:
        """What a command prints; it must succeed."""
        done = self.start(*command, given=given)
        assert done.returncode == 0, f"{done.stdout}{done.stderr} (of {command[-1]})"
        return done.stdout

    def _container(self) -> list[str]:
        """A root of its own, with the system's folders in it."""
        words = [which("bwrap") or "bwrap", "--bind", str(self.root), "/"]
        words += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]
        for path in (Path("/", name) for name in SYSTEM_FOLDERS):
            if not path.is_symlink():
                words += ["--ro-bind-try", str(path), str(path)]
        shared = {REPOSITORY, self.stock.folder, Path(pip.__file__).parents[1]}
        shared |= {interpreter(self.version).parents[1]} - {Path("/usr")}
        for path in sorted(shared):
            words += ["--ro-bind", str(path), str(path)]
        for source, target in self.mounts:
            words += ["--bind", str(source), target]
        return [*words, "--chdir", str(self.seen(self.project))]
