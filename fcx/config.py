"""Credentials and settings: explicit arguments, else the environment, else ``fcx.toml``.

Secrets are kept out of every repr. ``fcx.toml`` is looked for in the current directory and its
parents; a section or key that is not known is an error, because a misspelt one would be ignored.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

import tomlkit
from tomlkit.exceptions import TOMLKitError

from .errors import ConfigError
from .files import CONFIG_NAME, project_root

VARIABLES = (
    "FIRECREST_CLIENT_ID",
    "FIRECREST_CLIENT_SECRET",
    "AUTH_TOKEN_URL",
    "FIRECREST_URL",
    "FIRECREST_SYSTEM",
    "FIRECREST_ACCOUNT",
)
"""The six variables that name a cluster and an account, as in firecrest-executor."""

T = TypeVar("T")


@dataclass(frozen=True)
class Credentials:
    """Where the API is, who asks, and which system and account the jobs go to."""

    client_id: str
    client_secret: str = field(repr=False)
    token_url: str
    api_url: str
    system: str
    account: str

    @classmethod
    def from_env(cls, env: Mapping[str, str | None] | None = None) -> Credentials:
        """Read the six variables from ``env``, or from the process environment if it is None.

        Raises ConfigError naming every variable that is missing or empty.
        """
        source: Mapping[str, str | None] = os.environ if env is None else env
        missing = [name for name in VARIABLES if not (source.get(name) or "").strip()]
        if missing:
            where = "environment variables" if env is None else "names in env="
            raise ConfigError(
                f"Missing required {where}: {', '.join(missing)}. Set them to the values of your "
                "FirecREST application, or run `fcx local up` for a cluster on this machine."
            )
        values = (str(source[name]).strip() for name in VARIABLES)
        client_id, client_secret, token_url, api_url, system, account = values
        return cls(client_id, client_secret, token_url, api_url.rstrip("/"), system, account)


@dataclass(frozen=True)
class ImageSettings:
    """``[image]``: how ``fcx image build`` makes the image."""

    name: str = "fcx-image"
    context: str = "containers"
    dockerfile: str = "containers/Dockerfile"
    platform: str = ""  # "linux/arm64"; empty: this machine's
    build_args: Mapping[str, str] = field(default_factory=dict)
    site: str = ""  # the [site.<name>] that the image is meant for


@dataclass(frozen=True)
class EdfSettings:
    """``[edf]``: what the user adds to the generated EDF."""

    base: str = ""  # path of an existing EDF to take additions from
    image: str = ""  # reference or .sqsh path to write instead of the manifest's
    workdir: str = ""
    writable: bool = True
    mounts: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ParitySettings:
    """``[parity]``: policy, PEP 440 specifiers per package, and what fcx cannot see."""

    policy: str = "minor"
    packages: Mapping[str, str] = field(default_factory=dict)
    assume: tuple[str, ...] = ()
    max_age_days: float = 7.0  # of a cached verdict


@dataclass(frozen=True)
class ExecutorSettings:
    """``[executor]``: what command-line verbs use where a script gives arguments."""

    working_dir: str = ""
    sbatch_options: tuple[str, ...] = ()
    srun_options: tuple[str, ...] = ()
    environment: str = ""


@dataclass(frozen=True)
class Site:
    """``[site.<name>]``: a system, its processor architecture and its container engine."""

    name: str
    architecture: str = ""  # as `docker` says it: amd64 | arm64; empty: unknown
    engine: str = "ce"  # ce (--environment) | sarus (--edf)
    scratch: str = "${SCRATCH}"

    @property
    def platform(self) -> str:
        """``linux/<architecture>``, or an empty string where it is not known."""
        return f"linux/{self.architecture}" if self.architecture else ""


KNOWN_SITES = {
    name: Site(name, architecture)
    for name, architecture in {
        "clariden": "arm64",
        "daint": "arm64",
        "santis": "arm64",
        "eiger": "amd64",
        "bristen": "amd64",
        "beverin": "amd64",
    }.items()
}
"""CSCS systems and the architecture of their compute nodes (CSCS documentation)."""


@dataclass(frozen=True)
class Settings:
    """What ``fcx.toml`` says; ``root`` is the directory that its relative paths start from."""

    root: Path
    image: ImageSettings = ImageSettings()
    edf: EdfSettings = EdfSettings()
    parity: ParitySettings = ParitySettings()
    executor: ExecutorSettings = ExecutorSettings()
    sites: Mapping[str, Site] = field(default_factory=dict)

    @classmethod
    def load(cls, start: Path | None = None) -> Settings:
        """Read the nearest ``fcx.toml`` at or above ``start`` (default: cwd); defaults if none."""
        root = project_root(start)
        path = root / CONFIG_NAME
        return cls.from_file(path) if path.is_file() else cls(root)

    @classmethod
    def from_file(cls, path: Path) -> Settings:
        """Read one file. Raises ConfigError with the file and what is wrong in it."""
        try:
            document = tomlkit.parse(path.read_text(encoding="utf-8")).unwrap()
        except (OSError, UnicodeDecodeError, TOMLKitError) as error:
            raise ConfigError(f"{path} cannot be read as TOML: {error}") from error
        known = {f.name for f in fields(cls)} - {"root", "sites"} | {"site"}
        _refuse_unknown(path, "", document, known)
        return cls(
            path.parent,
            _section(ImageSettings, path, "image", document),
            _section(EdfSettings, path, "edf", document),
            _section(ParitySettings, path, "parity", document),
            _section(ExecutorSettings, path, "executor", document),
            _sites(path, document.get("site", {})),
        )

    def site(self, name: str) -> Site:
        """The settings of a system: from the file, else as known, else all unknown."""
        return self.sites.get(name) or KNOWN_SITES.get(name.lower()) or Site(name)


def _sites(path: Path, tables: Any) -> dict[str, Site]:
    if not isinstance(tables, dict):
        raise ConfigError(f"{path}: [site.<name>] must be tables")
    sites = {}
    for name, table in tables.items():
        if not isinstance(table, dict) or "name" in table:
            raise ConfigError(f"{path}: [site.{name}] must be a table without a key 'name'")
        sites[name] = _build(Site, path, f"site.{name}", {"name": name, **table})
    return sites


def _section(kind: type[T], path: Path, name: str, document: Mapping[str, Any]) -> T:
    table = document.get(name, {})
    if not isinstance(table, dict):
        raise ConfigError(f"{path}: [{name}] must be a table")
    return _build(kind, path, name, table)


def _build(kind: type[T], path: Path, name: str, table: Mapping[str, Any]) -> T:
    """Make a settings dataclass of a table, each value checked against the field's default."""
    known = {f.name: f for f in fields(kind)}  # type: ignore[arg-type]
    _refuse_unknown(path, name, table, set(known))
    values: dict[str, Any] = {}
    for key, value in table.items():
        wanted = str(known[key].type)
        if not _fits(value, wanted):
            raise ConfigError(f"{path}: [{name}] {key} must be {_spoken(wanted)}, not {value!r}")
        values[key] = tuple(value) if isinstance(value, list) else value
    return kind(**values)


def _fits(value: Any, wanted: str) -> bool:
    if wanted.startswith("tuple"):
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if wanted.startswith("Mapping[str, str]"):
        return isinstance(value, dict) and all(isinstance(v, str) for v in value.values())
    if wanted.startswith("Mapping"):
        return isinstance(value, dict)
    if wanted == "float":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, {"str": str, "bool": bool}[wanted])


def _spoken(wanted: str) -> str:
    if wanted.startswith("tuple"):
        return "an array of strings"
    if wanted.startswith("Mapping"):
        return "a table" + (" of strings" if "str, str" in wanted else "")
    return {"str": "a string", "bool": "true or false", "float": "a number"}[wanted]


def _refuse_unknown(path: Path, name: str, table: Mapping[str, Any], known: set[str]) -> None:
    for key in table:
        if key not in known:
            where = f"[{name}] {key}" if name else f"[{key}]"
            raise ConfigError(f"{path}: {where} is not known; known: {', '.join(sorted(known))}")
