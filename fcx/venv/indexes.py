"""Where uv looks for distributions, if only pip was told: pip's settings in uv's variables.

uv reads neither ``PIP_INDEX_URL`` nor pip.conf, and an environment that uv made has no pip that
could be asked for them. Whoever has told uv itself is left alone.
"""

from __future__ import annotations

import configparser
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

NAMES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "cert": "SSL_CERT_FILE",
}
SYSTEM = Path("/etc/pip.conf")
_ALL_ALIKE = "unsafe-best-match"  # pip takes all indexes for one
_OF_UV = ("UV_INDEX", "UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_CONFIG_FILE")


@dataclass(frozen=True)
class Indexes:
    """Indexes that the command line names; they go before whatever the tools were told."""

    url: str = ""  # in place of the tools' own
    extra: tuple[str, ...] = ()  # beside it

    def over(self, env: Mapping[str, str]) -> dict[str, str]:
        """Variables in which both tools find them, under their own names."""
        told = dict(env)
        if self.url:
            told |= {"PIP_INDEX_URL": self.url, "UV_DEFAULT_INDEX": self.url}
        if self.extra:
            extra = " ".join(self.extra)
            told |= {"PIP_EXTRA_INDEX_URL": extra, "UV_INDEX": extra}
            told["UV_INDEX_STRATEGY"] = _ALL_ALIKE
        if self.url or self.extra:
            for name in ("PIP_NO_INDEX", "UV_NO_INDEX", *(("UV_INDEX_URL",) if self.url else ())):
                told.pop(name, None)
        return told


def for_uv(env: Mapping[str, str], prefix: Path) -> dict[str, str]:
    """The variables that tell uv what pip knows, for an environment at ``prefix``."""
    if any(name.startswith(_OF_UV) for name in env) or _has_file(env):
        return {}
    told = _of_files(env, prefix)
    for name in NAMES:
        value = env.get(f"PIP_{name.upper().replace('-', '_')}")
        if value:
            told[name] = value
    found = {NAMES[name]: " ".join(value.split()) for name, value in told.items()}
    if "UV_FIND_LINKS" in found:
        found["UV_FIND_LINKS"] = found["UV_FIND_LINKS"].replace(" ", ",")
    if "UV_INDEX" in found:
        found["UV_INDEX_STRATEGY"] = _ALL_ALIKE
    return found


def _of_files(env: Mapping[str, str], prefix: Path) -> dict[str, str]:
    """The same of pip's files; the later one wins, and what is said of `install` alone."""
    parser = configparser.RawConfigParser()
    for path in _files(env, prefix):
        try:
            parser.read(path, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue  # pip would say so; here it is as good as none
    found: dict[str, str] = {}
    for section in ("global", "install"):
        if parser.has_section(section):
            found |= {name: value for name, value in parser.items(section) if name in NAMES}
    return found


def _files(env: Mapping[str, str], prefix: Path) -> Iterator[Path]:
    """In the order in which pip reads them."""
    named = env.get("PIP_CONFIG_FILE", "")
    if named == os.devnull:
        return
    for folder in reversed(env.get("XDG_CONFIG_DIRS", "/etc/xdg").split(os.pathsep)):
        yield Path(folder, "pip/pip.conf")
    yield SYSTEM
    yield Path("~/.pip/pip.conf").expanduser()
    yield _own(env) / "pip/pip.conf"
    yield Path("~/Library/Application Support/pip/pip.conf").expanduser()
    yield prefix / "pip.conf"
    if named:
        yield Path(named)


def _own(env: Mapping[str, str]) -> Path:
    return Path(env.get("XDG_CONFIG_HOME") or Path("~/.config").expanduser())


def _has_file(env: Mapping[str, str]) -> bool:
    """Whether a uv.toml says where to look."""
    folder = Path.cwd()
    places = (folder, *folder.parents, _own(env) / "uv", Path("/etc/uv"))
    return any((place / "uv.toml").is_file() for place in places)
