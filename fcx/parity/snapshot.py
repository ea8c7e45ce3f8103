"""What the probe found in one place at one time (pure); its JSON is what the probe prints."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Annotated, Any

from ..records import Meta, Struct, replace
from .reading import parse, read, render
from .versions import normal

ARCHITECTURES = {
    "x86_64": "amd64",
    "amd64": "amd64",
    "aarch64": "arm64",
    "arm64": "arm64",
    "i386": "386",
    "i686": "386",
    "ppc64le": "ppc64le",
    "s390x": "s390x",
    "riscv64": "riscv64",
}
"""Kernel's or ELF header's word for a processor -> the word of images and of ``[site]``."""

ODD = re.compile(r"(?P<version>.+) but (?P<top>\w+) of (?P<place>.+)")
"""A release of which agents say more than its version: where a module of it is imported from."""
NOWHERE = "nowhere"

Text = Annotated[str, Meta(min_length=1)]


class Interpreter(Struct, frozen=True):
    """A Python: the facts that decide whether a pickled function can be loaded in it."""

    implementation: Text
    version: Text
    cache_tag: str
    magic: str
    executable: str
    prefix: str
    base_prefix: str
    pickle_protocol: int
    abi: str = ""  # ``t``: free-threaded; ``d``: for debugging

    @property
    def minor(self) -> str:
        """``3.11`` of ``3.11.7``."""
        return ".".join(self.version.split(".")[:2])


class Live(Struct, frozen=True, kw_only=True):
    """What only a live place shows. An empty string or None where it could not be told."""

    sys_path: tuple[str, ...]
    foreign_sys_path: tuple[str, ...]
    user_site: str | None = None
    leaking_env: Mapping[str, str]
    which_python3: str | None = None
    path: str = ""
    uid: int | None = None
    gid: int | None = None
    user: str | None = None
    home: str | None = None
    cwd: str | None = None
    umask: str = ""
    hostname: str | None = None
    node: str | None = None
    partition: str | None = None
    job_id: str | None = None
    nvidia: str | None = None
    cpus: int | None = None
    time: float
    tool: str = "pip"

    @property
    def pythonpath(self) -> frozenset[str]:
        """The entries of PYTHONPATH as sys.path has them: an empty one is the working directory."""
        text = self.leaking_env.get("PYTHONPATH", "")
        return frozenset(one.rstrip("/") or self.cwd or "" for one in text.split(":") if text)


class Processor(Struct, frozen=True):
    """What the kernel calls the processor, and what the interpreter's file was compiled for."""

    machine: str | None = None
    elf: str | None = None


class ImageIds(Struct, frozen=True):
    """The ids that ``fcx image build`` put into the image, if it did."""

    recipe_id: str | None = None
    build_id: str | None = None


class Modules(Struct, frozen=True):
    """Importable modules, and what is missing of the standard library.

    ``names`` has top-level ones, and what lies in namespace packages, dotted. ``providers`` has the
    distributions of those that go by another name than they; None: not known (an older fcx), and
    then ``names`` has top-level ones alone. ``shadowed`` has top-level modules that are imported
    from elsewhere than from their distribution or the standard library: from where.
    """

    names: tuple[str, ...]
    stdlib_missing: tuple[str, ...]
    providers: Mapping[str, tuple[str, ...]] | None = None
    shadowed: Mapping[str, str] = {}

    def of(self, name: str) -> set[str]:
        """The top-level modules of a distribution, as far as they are known."""
        return {name.replace("-", "_"), *_having(name, self.providers)}

    def all_in(self, module: str, names: Collection[str]) -> bool:
        """Whether each distribution that has a module is one of these; of unknown ones, none is."""
        top = module.partition(".")[0]
        known = {*(self.providers or {}).get(top, ()), normal(top)}
        return bool(known.intersection(names)) and known.issubset({*names, normal(top)})

    def after(self, found: Mapping[str, str | None], client: Modules | None) -> Modules:
        """What there is where agents have found these releases since (``Snapshot.odd``).

        The modules of what came are those that the client has of it, where nothing else is known.
        """
        gone = {name for name, release in found.items() if release is None}
        names = {name for name in self.names if not self.all_in(name, gone)}
        providers, shadowed = dict(self.providers or {}), dict(self.shadowed)
        for name in found.keys() - gone:
            for top in _having(name, client.providers if client else None):
                providers[top] = tuple(dict.fromkeys((*providers.get(top, ()), name)))
        known = replace(self, providers=providers if self.providers is not None else None)
        for name, release in found.items():
            tops = known.of(name)
            shadowed = {top: place for top, place in shadowed.items() if top not in tops}
            odd = ODD.fullmatch(release or "")
            names.update(tops if release else ())
            if odd and odd["place"] == NOWHERE:
                names.discard(odd["top"])
            elif odd:
                shadowed[odd["top"]] = odd["place"]
        return replace(known, names=tuple(sorted(names)), shadowed=shadowed)


def _having(name: str, providers: Mapping[str, tuple[str, ...]] | None) -> list[str]:
    return [top for top, names in (providers or {}).items() if name in names]


class Content(Struct, frozen=True):
    """What Python imports in an image: a digest for each entry of its path (``protocol/content``).

    ``files`` covers names, sizes and RECORDs, ``contents`` every byte, where that was asked for.
    None: that entry is not on the path, or not there.
    """

    files: Mapping[str, str | None]
    contents: Mapping[str, str | None] = {}
    mounts: tuple[str, ...] = ()  # over one of them, or into one

    def mounts_over(self, entry: str, others: Collection[str]) -> list[str]:
        """The mounts that change an entry, not merely one of the others that lies in it."""
        inner = [other for other in others if within(other, entry) and other != entry]
        return [
            point
            for point in self.mounts
            if within(entry, point)
            or (within(point, entry) and not any(within(point, other) for other in inner))
        ]


class Snapshot(Struct, frozen=True):
    """What the probe found in one place at one time."""

    python: Interpreter
    dill: str | None
    distributions: Mapping[str, str]
    arch: Processor
    image: ImageIds
    live: Live
    libc: str = ""
    os: str = ""
    locale: str = ""
    timezone: str = ""
    encoding: str = ""
    modules: Modules | None = None  # None: not known (an older fcx)
    content: Content | None = None  # None: not asked for
    editable: tuple[str, ...] = ()  # projects that are installed as they stand: paths of URLs
    absent: tuple[str, ...] = ()  # of those, distributions whose folder is there no longer
    unlisted: tuple[str, ...] = ()  # distributions that no tool can take out: no list of files
    origins: Mapping[str, str] = {}  # PEP 610's records of distributions that come from no index
    odd: Mapping[str, str] = {}  # releases as agents have told them, where a version is not all

    @property
    def architecture(self) -> str:
        """The processor as images name it (``amd64``, ``arm64``), by the ELF header if any."""
        return docker_architecture(self.arch.elf or self.arch.machine or "")

    def release(self, name: str) -> str | None:
        """What agents must find of a distribution; None: nothing."""
        return self.odd.get(name) or self.distributions.get(name)

    def lost(self, top: str) -> bool:
        """Whether a module is gone under the metadata of its distribution, as agents have told."""
        return any(one.endswith(f" but {top} of {NOWHERE}") for one in self.odd.values())

    def with_releases(
        self, found: Mapping[str, str | None], client: Snapshot | None = None
    ) -> Snapshot:
        """The same place where agents have found these releases since; None: no such distribution.

        Modules go with the last distribution that has them, and come with it.
        """
        told = {name: ODD.fullmatch(release or "") for name, release in found.items()}
        versions = {name: one["version"] if one else found[name] for name, one in told.items()}
        installed = {**self.distributions, **versions}
        odd = {name: release for name, release in self.odd.items() if name not in found}
        odd.update((name, one[0]) for name, one in told.items() if one)
        mine = client.modules if client else None
        modules = self.modules.after(found, mine) if self.modules else None
        return replace(
            self,
            distributions={name: version for name, version in installed.items() if version},
            modules=modules,
            absent=tuple(name for name in self.absent if name not in found),
            odd=odd,
        )

    @property
    def recipe_id(self) -> str | None:
        """Of the image's recipe."""
        return self.image.recipe_id

    @property
    def build_id(self) -> str | None:
        """Of the image's build."""
        return self.image.build_id

    @classmethod
    def from_probe(cls, found: Any) -> Snapshot:
        """Check what the probe printed (parsed). Raises ManifestError naming what is wrong."""
        return read(cls, found, "the probe's answer")

    @classmethod
    def from_json(cls, text: str | bytes) -> Snapshot:
        """Read the probe's output. Raises ManifestError."""
        return cls.from_probe(parse(text, "the probe's answer", "Make it again."))

    def to_json(self) -> str:
        """The same JSON that the probe printed."""
        return render(self)


def within(path: str, folder: str) -> bool:
    """Whether a path is a folder, or lies in it."""
    return f"{path}/".startswith(f"{folder}/")


def docker_architecture(machine: str) -> str:
    """``amd64`` of ``x86_64``, ``arm64`` of ``aarch64``; an unknown word as it is."""
    return ARCHITECTURES.get(machine.lower(), machine.lower())
