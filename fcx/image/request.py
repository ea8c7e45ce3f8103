"""What is to be built: the caller's arguments first, then ``[image]`` of fcx.toml."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..config import Settings
from ..errors import UsageError
from ..parity.snapshot import docker_architecture

_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = re.compile(rf"(?:[a-z0-9.-]+:\d+/)?{_PART}(?:/{_PART})*")
_TAG = re.compile(r"\w[\w.-]{0,127}")


@dataclass(frozen=True)
class Request:
    """Paths are absolute; ``name`` is the image's name without a tag."""

    context: Path
    dockerfile: Path
    name: str
    tag: str = ""
    platform: str = ""
    target: str = ""
    python: str = ""
    build_args: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    no_cache: bool = False
    pull: bool = False

    @classmethod
    def from_settings(
        cls,
        settings: Settings,
        *,
        context: Path | None = None,
        dockerfile: Path | None = None,
        tag: str = "",
        platform: str = "",
        target: str = "",
        build_args: Mapping[str, str] | None = None,
        secrets: Sequence[str] = (),
        no_cache: bool = False,
        pull: bool = False,
    ) -> Request:
        """Arguments first, then ``[image]``. Raises UsageError for what cannot be a name."""
        name, extra = _named(tag or settings.image.name)
        folder = context or settings.root / settings.image.context
        own = folder / "Dockerfile"
        usual = own if context and own.is_file() else settings.root / settings.image.dockerfile
        return cls(
            context=folder.absolute(),
            dockerfile=(dockerfile or usual).absolute(),
            name=name,
            tag=extra,
            platform=_platform(platform or settings.image.platform),
            python=_absolute(settings.image.python),
            target=target or settings.image.target,
            secrets=tuple(map(_secret, secrets)),
            build_args={**settings.image.build_args, **(build_args or {})},
            no_cache=no_cache,
            pull=pull,
        )


def _named(text: str) -> tuple[str, str]:
    """Name and tag; the colon of a registry's port begins no tag."""
    head, slash, last = text.rpartition("/")
    last, colon, tag = last.partition(":")
    name = head + slash + last
    if not _NAME.fullmatch(name) or (colon and not _TAG.fullmatch(tag)):
        raise UsageError(
            f"{text!r} cannot name an image: lower-case letters, digits and single . _ - between "
            "them, with a registry or team and a slash before it if need be, then perhaps :TAG."
        )
    return name, tag


def _absolute(python: str) -> str:
    if python and not python.startswith("/"):
        raise UsageError(
            f"[image] python = {python!r} is no path in the image; write it from the root, as in "
            "/opt/conda/bin/python."
        )
    return python


def _secret(text: str) -> str:
    if not any(part.startswith("id=") for part in text.split(",")):
        raise UsageError("--secret wants id=NAME,src=FILE or id=NAME,env=VARIABLE.")
    return text


def _platform(text: str) -> str:
    """``linux/arm64`` of ``linux/arm64/v8``, ``arm64`` or ``aarch64``; empty stays empty."""
    if not text:
        return ""
    parts = text.lower().split("/")
    system, machine = ("linux", parts[0]) if len(parts) == 1 else (parts[0], parts[1])
    if system != "linux" or not re.fullmatch(r"[a-z0-9_]+", machine):
        raise UsageError(f"{text!r} is no platform; write linux/amd64 or linux/arm64.")
    return f"linux/{docker_architecture(machine)}"
