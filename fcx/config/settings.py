"""What ``fcx.toml`` says, one record per section.

It is looked for in the current directory and its parents; a section or key that is not known is
an error, because a misspelt one would be ignored.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from ..errors import ConfigError
from ..files import CONFIG_NAME, project_root
from ..records import TOML, Meta, Misfit, Struct, field, fit, names
from ..spoken import meant
from .executor import NOT_IN_FILE, ExecutorSettings, Policy
from .sites import KNOWN_SITES, Site

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

T = TypeVar("T", bound=Struct)

Builder = Annotated[Literal["local", "remote"], Meta(description="local or remote")]


class ImageSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """``[image]``: how ``fcx image build`` makes the image."""

    name: str = "fcx-image"
    context: str = "containers"
    dockerfile: str = "containers/Dockerfile"
    platform: str = ""  # "linux/arm64"; empty: this machine's
    python: str = ""  # "/opt/conda/bin/python"; empty: the one on the image's PATH
    target: str = ""  # stage of the Dockerfile; empty: its last
    build_args: Mapping[str, str] = {}
    site: str = ""  # the [site.<name>] that the image is meant for
    ship_to: str = ""  # folder on the cluster for packed images; empty: below the working_dir
    build: Builder = "local"  # remote: by a job on the cluster
    push_to: str = ""  # REGISTRY/NAME, where it goes by a registry; empty: it is shipped


class RemoteBuildSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """``[remote_build]``: what a job on the cluster builds and imports an image with.

    Commands and options are the job's shell's: ``$NAME`` in them is a variable of the node.
    """

    podman: str = "podman"  # with what stands before its verb
    build_options: tuple[str, ...] = ()  # of `podman build`
    run_options: tuple[str, ...] = ()  # of `podman run`, by which the image is asked what it is
    enroot: str = "enroot import"
    setup: tuple[str, ...] = ()  # commands before all else, such as `module load podman`


class EdfSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """``[edf]``: what was once added here; `fcx edf write` moves it into the user's EDF."""

    base: str = ""  # path of an existing EDF to take additions from
    image: str = ""  # reference or .sqsh path to write instead of the manifest's
    workdir: str = ""
    writable: bool = True
    mounts: tuple[str, ...] = ()
    env: Mapping[str, str] = {}
    annotations: Mapping[str, Any] = {}


class ParitySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """``[parity]``: policy, PEP 440 specifiers per package, and what fcx cannot see."""

    policy: Policy = "minor"
    packages: Mapping[str, str] = {}
    assume: tuple[str, ...] = ()
    max_age_days: float = 7.0  # of a remembered verdict


class Settings(Struct, frozen=True):
    """What ``fcx.toml`` says; ``root`` is the directory that its relative paths start from."""

    root: Path
    image: ImageSettings = ImageSettings()
    edf: EdfSettings = EdfSettings()
    parity: ParitySettings = ParitySettings()
    executor: ExecutorSettings = field(default_factory=ExecutorSettings)
    sites: Mapping[str, Site] = {}
    remote_build: RemoteBuildSettings = RemoteBuildSettings()

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
            document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        except UnicodeDecodeError as error:
            raise ConfigError(f"{path} is not in UTF-8 ({error}). Save it as UTF-8.") from error
        except (OSError, ValueError, RecursionError) as error:
            raise ConfigError(f"{path} cannot be read as TOML: {error}") from error
        _refuse_unknown(path, "", document, {*names(cls), "site"} - {"root", "sites"})
        return cls(
            path.parent,
            _section(ImageSettings, path, "image", document),
            _section(EdfSettings, path, "edf", document),
            _section(ParitySettings, path, "parity", document),
            _executor(path, document),
            _sites(path, document.get("site", {})),
            _remote_build(path, document),
        )

    def site(self, name: str) -> Site:
        """The settings of a system: from the file, else as known, else all unknown."""
        return self.sites.get(name) or KNOWN_SITES.get(name.lower()) or Site(name)


def _refuse_unknown(path: Path, name: str, table: Mapping[str, Any], known: set[str]) -> None:
    for key in table:
        if key not in known:
            where = f"[{name}] {key}" if name else f"[{key}]"
            there = ", ".join(sorted(known))
            told = f"{where} is not known; known: {there}.{meant(key, sorted(known))}"
            raise ConfigError(f"{path}: {told}")


def _executor(path: Path, document: Mapping[str, Any]) -> ExecutorSettings:
    settings = _section(ExecutorSettings, path, "executor", document, NOT_IN_FILE)
    if not isinstance(settings.environment, str | None):
        raise ConfigError(
            f"{path}: [executor] environment must be a string, not {settings.environment!r}"
        )
    return settings


def _remote_build(path: Path, document: Mapping[str, Any]) -> RemoteBuildSettings:
    settings = _section(RemoteBuildSettings, path, "remote_build", document)
    for key in ("podman", "enroot"):
        command: str = getattr(settings, key)
        if not command.strip() or not command.isprintable():
            raise ConfigError(f"{path}: [remote_build] {key} must be a command in one line")
    return settings


def _sites(path: Path, tables: Any) -> dict[str, Site]:
    if not isinstance(tables, dict):
        raise ConfigError(f"{path}: [site.<name>] must be tables")
    sites = {}
    for name, table in tables.items():
        if not isinstance(table, dict) or "name" in table:
            raise ConfigError(f"{path}: [site.{name}] must be a table without a key 'name'")
        _refuse_unknown(path, f"site.{name}", table, set(names(Site)) - {"name"})
        sites[name] = _build(Site, path, f"site.{name}", {"name": name, **table})
    return sites


def _section(
    kind: type[T],
    path: Path,
    name: str,
    document: Mapping[str, Any],
    elsewhere: frozenset[str] = frozenset(),
) -> T:
    """A section's record; keys of the record that are ``elsewhere`` do not stand in the file."""
    table = document.get(name, {})
    if not isinstance(table, dict):
        raise ConfigError(f"{path}: [{name}] must be a table")
    _refuse_unknown(path, name, table, set(names(kind)) - elsewhere)
    return _build(kind, path, name, table)


def _build(kind: type[T], path: Path, name: str, table: Mapping[str, Any]) -> T:
    try:
        return fit(kind, table, TOML)
    except Misfit as misfit:
        raise ConfigError(f"{path}: [{name}] {misfit}") from None
