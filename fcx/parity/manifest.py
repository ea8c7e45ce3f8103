"""What an environment contains: a Snapshot of a live place, the Manifest of an image (pure).

Both are JSON on disk and frozen dataclasses here. They are checked once, in ``from_*``; a file
that is damaged or was written by a newer fcx raises ManifestError and never half a Manifest. The
JSON of a Snapshot is what ``fcx/protocol/probe.py`` prints.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NoReturn

from ..errors import ManifestError

SCHEMA = 1

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


@dataclass(frozen=True)
class Interpreter:
    """A Python: the facts that decide whether a pickled function can be loaded in it."""

    implementation: str
    version: str
    cache_tag: str
    magic: str
    executable: str
    prefix: str
    base_prefix: str
    pickle_protocol: int

    @property
    def minor(self) -> str:
        """``3.11`` of ``3.11.7``."""
        return ".".join(self.version.split(".")[:2])

    @classmethod
    def from_record(cls, record: Record) -> Interpreter:
        """Read the section ``python`` of a probe's or a manifest's JSON."""
        return cls(
            implementation=record.text("implementation"),
            version=record.text("version"),
            cache_tag=record.text_or_empty("cache_tag"),
            magic=record.text_or_empty("magic"),
            executable=record.text_or_empty("executable"),
            prefix=record.text_or_empty("prefix"),
            base_prefix=record.text_or_empty("base_prefix"),
            pickle_protocol=record.integer("pickle_protocol"),
        )


@dataclass(frozen=True)
class Live:
    """What only a live place shows. An empty string or None where it could not be told."""

    sys_path: tuple[str, ...] = ()
    foreign_sys_path: tuple[str, ...] = ()
    user_site: str | None = None
    leaking_env: Mapping[str, str] = field(default_factory=dict)
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
    time: float = 0.0
    tool: str = "pip"

    @classmethod
    def from_record(cls, record: Record) -> Live:
        """Read the section ``live`` of a probe's JSON."""
        names = ("user_site", "which_python3", "user", "home", "cwd", "hostname")
        slurm = ("node", "partition", "job_id", "nvidia")
        values: dict[str, Any] = {name: record.text_or_none(name) for name in (*names, *slurm)}
        values |= {name: record.integer_or_none(name) for name in ("uid", "gid", "cpus")}
        return cls(
            sys_path=record.texts("sys_path"),
            foreign_sys_path=record.texts("foreign_sys_path"),
            leaking_env=record.table("leaking_env"),
            path=record.text_or_empty("path"),
            umask=record.text_or_empty("umask"),
            time=record.number("time"),
            tool=record.text_or_none("tool") or "pip",
            **values,
        )


@dataclass(frozen=True)
class Snapshot:
    """What the probe found in one place at one time."""

    python: Interpreter
    dill: str | None
    distributions: Mapping[str, str]
    machine: str
    elf: str
    libc: str
    os: str
    locale: str
    timezone: str
    encoding: str
    recipe_id: str | None
    build_id: str | None
    live: Live
    modules: tuple[str, ...] | None = None  # importable at top level, without the standard library
    stdlib_missing: tuple[str, ...] = ()
    schema: int = SCHEMA

    @property
    def architecture(self) -> str:
        """The processor as images name it (``amd64``, ``arm64``), by the ELF header if any."""
        return docker_architecture(self.elf or self.machine)

    @classmethod
    def from_probe(cls, found: Any) -> Snapshot:
        """Check what the probe printed (parsed). Raises ManifestError naming what is wrong."""
        record = Record("the probe's answer", found)
        record.check_schema()
        arch, image = record.section("arch"), record.section("image")
        return cls(
            python=Interpreter.from_record(record.section("python")),
            dill=record.text_or_none("dill"),
            distributions=record.table("distributions"),
            machine=arch.text_or_empty("machine"),
            elf=arch.text_or_empty("elf"),
            recipe_id=image.text_or_none("recipe_id"),
            build_id=image.text_or_none("build_id"),
            live=Live.from_record(record.section("live")),
            **_modules(record),
            **_platform(record),
        )

    @classmethod
    def from_json(cls, text: str | bytes) -> Snapshot:
        """Read the probe's output. Raises ManifestError."""
        return cls.from_probe(_parse("the probe's answer", text))

    def to_json(self) -> str:
        """The same JSON that the probe printed."""
        record = asdict(self)
        record["arch"] = {name: record.pop(name) or None for name in ("machine", "elf")}
        record["image"] = {name: record.pop(name) for name in ("recipe_id", "build_id")}
        return _render(_with_modules(record))


@dataclass(frozen=True)
class Sqsh:
    """A packed image: where it was written and the SHA-256 of its bytes, in hex."""

    path: str
    sha256: str

    @classmethod
    def from_record(cls, record: Record) -> Sqsh:
        """Read the section ``sqsh`` of a manifest's JSON."""
        return cls(record.text("path"), record.text("sha256"))


@dataclass(frozen=True)
class Manifest:
    """What an image is and contains: written after the build, or adopted from a far side.

    ``architecture`` is what the interpreter's ELF header says, whatever the image's record claims.
    ``size`` is in bytes; ``created`` is an ISO 8601 time. Ids are empty where there are none (an
    adopted image that fcx did not build).
    """

    name: str
    architecture: str
    python: Interpreter
    dill: str | None
    distributions: Mapping[str, str]
    libc: str = ""
    os: str = ""
    locale: str = ""
    timezone: str = ""
    encoding: str = ""
    origin: str = "built"
    recipe_id: str = ""
    build_id: str = ""
    image_id: str = ""
    tag: str = ""
    base_image: str = ""
    base_image_id: str = ""
    repo_digest: str = ""
    sqsh: Sqsh | None = None
    created: str = ""
    size: int = 0
    env: Mapping[str, str] = field(default_factory=dict)
    modules: tuple[str, ...] | None = None  # None: not known (made by an older fcx)
    stdlib_missing: tuple[str, ...] = ()
    schema: int = SCHEMA

    @property
    def platform(self) -> str:
        """``linux/<architecture>``."""
        return f"linux/{self.architecture}"

    @classmethod
    def from_json(cls, text: str | bytes, where: str = "the manifest") -> Manifest:
        """Read a manifest; ``where`` names it in errors. Raises ManifestError."""
        record = Record(where, _parse(where, text))
        record.check_schema()
        origin = record.text("origin")
        if origin not in ("built", "adopted"):
            record.fail("origin", "'built' or 'adopted'", origin)
        ids = ("recipe_id", "build_id", "image_id", "tag", "repo_digest", "created")
        names = (*ids, "base_image", "base_image_id")
        texts: dict[str, Any] = {name: record.text_or_empty(name) for name in names}
        return cls(
            name=record.text("name"),
            architecture=record.text("architecture"),
            python=Interpreter.from_record(record.section("python")),
            dill=record.text_or_none("dill"),
            distributions=record.table("distributions"),
            origin=origin,
            sqsh=Sqsh.from_record(record.section("sqsh")) if record.values.get("sqsh") else None,
            size=record.integer("size"),
            env=record.table("env"),
            **texts,
            **_modules(record),
            **_platform(record),
        )

    @classmethod
    def adopt(cls, name: str, snapshot: Snapshot, env: Mapping[str, str] | None = None) -> Manifest:
        """The manifest of an image that fcx did not build, from what the probe found in it."""
        return cls(
            name=name,
            architecture=snapshot.architecture,
            origin="adopted",
            recipe_id=snapshot.recipe_id or "",
            build_id=snapshot.build_id or "",
            env=dict(env or {}),
            **snapshot_fields(snapshot),
        )

    def to_json(self) -> str:
        """Indented JSON with sorted keys, so that versions of it can be compared line by line."""
        return _render(_with_modules(asdict(self)))


def snapshot_fields(snapshot: Snapshot) -> dict[str, Any]:
    """The fields that a Manifest takes over from a Snapshot as they are."""
    names = ("python", "dill", "distributions", "libc", "os", "locale", "timezone", "encoding")
    return {name: getattr(snapshot, name) for name in (*names, "modules", "stdlib_missing")}


def docker_architecture(machine: str) -> str:
    """``amd64`` of ``x86_64``, ``arm64`` of ``aarch64``; an unknown word as it is."""
    return ARCHITECTURES.get(machine.lower(), machine.lower())


@dataclass(frozen=True)
class Record:
    """A JSON object whose values are checked as they are taken; ``where`` names it in errors."""

    where: str
    values: Any

    def __post_init__(self) -> None:
        if not isinstance(self.values, dict):
            raise ManifestError(f"{self.where} is not a JSON object; make it again.")

    def fail(self, key: str, wanted: str, found: object) -> NoReturn:
        """Raise for one value that is not what it must be."""
        raise ManifestError(
            f"{self.where}: {key} must be {wanted}, not {found!r}. The file is damaged or was "
            "edited by hand; make it again with `fcx image build` or `fcx preflight --adopt`."
        )

    def check_schema(self) -> None:
        """Refuse what a newer fcx wrote: its words may mean something else."""
        schema = self.integer("schema")
        if schema > SCHEMA:
            raise ManifestError(
                f"{self.where} has schema {schema}, this fcx knows {SCHEMA}. Upgrade fcx, or make "
                "it again with this one."
            )

    def section(self, key: str) -> Record:
        """A nested object."""
        value = self.values.get(key)
        if not isinstance(value, dict):
            self.fail(key, "an object", value)
        return Record(f"{self.where}, {key}", value)

    def text(self, key: str) -> str:
        """A string that is not empty."""
        value = self.values.get(key)
        if not isinstance(value, str) or not value:
            self.fail(key, "a string", value)
        return value

    def text_or_none(self, key: str) -> str | None:
        """A string, or None where there is none."""
        value = self.values.get(key)
        if value is not None and not isinstance(value, str):
            self.fail(key, "a string or null", value)
        return value

    def text_or_empty(self, key: str) -> str:
        """A string, empty where there is none."""
        return self.text_or_none(key) or ""

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings."""
        value = self.values.get(key)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.fail(key, "a list of strings", value)
        return tuple(value)

    def table(self, key: str) -> dict[str, str]:
        """An object whose values are strings."""
        value = self.values.get(key)
        if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
            self.fail(key, "an object of strings", value)
        return value

    def integer(self, key: str) -> int:
        """A whole number."""
        value = self.integer_or_none(key)
        if value is None:
            self.fail(key, "a whole number", value)
        return value

    def integer_or_none(self, key: str) -> int | None:
        """A whole number, or None where there is none."""
        value = self.values.get(key)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
            self.fail(key, "a whole number or null", value)
        return value

    def number(self, key: str) -> float:
        """A number."""
        value = self.values.get(key)
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            self.fail(key, "a number", value)
        return float(value)


def _platform(record: Record) -> dict[str, Any]:
    names = ("libc", "os", "locale", "timezone", "encoding")
    return {name: record.text_or_empty(name) for name in names}


def _modules(record: Record) -> dict[str, Any]:
    """The section ``modules``, which records of an older fcx lack."""
    if record.values.get("modules") is None:
        return {}
    section = record.section("modules")
    return {"modules": section.texts("names"), "stdlib_missing": section.texts("stdlib_missing")}


def _with_modules(values: dict[str, Any]) -> dict[str, Any]:
    """The record with its two fields about modules as the section that the probe prints."""
    names, missing = values.pop("modules"), values.pop("stdlib_missing")
    section = None if names is None else {"names": names, "stdlib_missing": missing}
    return {**values, "modules": section}


def _parse(where: str, text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ManifestError(f"{where} is not JSON: {error}. Make it again.") from error


def _render(record: Mapping[str, Any]) -> str:
    return json.dumps(record, indent=2, sort_keys=True) + "\n"
