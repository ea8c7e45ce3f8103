"""An EDF as a value. ``read`` makes it of a file; other files of this room work on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .mounts import written_out

UNNAMED = "<edf>"
"""What stands for the file of an EDF that has none."""


@dataclass(frozen=True)
class Edf:
    """What an EDF says; None where it says nothing.

    ``mounts`` are ``SRC:DST[:FLAGS]``, a single path written out as both; annotations are flat
    (``com.hooks.cxi.enabled``); ``other`` holds the keys that fcx does not know. ``text`` and
    ``file`` are where it came from, and take no part in comparisons.
    """

    base_environment: tuple[str, ...] = ()
    image: str | None = None
    workdir: str | None = None
    entrypoint: bool | None = None
    writable: bool | None = None
    mounts: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    other: Mapping[str, Any] = field(default_factory=dict)
    text: str = field(default="", compare=False, repr=False)
    file: str = field(default=UNNAMED, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "mounts", tuple(map(written_out, self.mounts)))

    def values(self) -> dict[str, Any]:
        """What it says under each known key."""
        return {
            "base_environment": self.base_environment,
            "image": self.image,
            "workdir": self.workdir,
            "entrypoint": self.entrypoint,
            "writable": self.writable,
            "mounts": self.mounts,
            "devices": self.devices,
            "env": self.env,
            "annotations": self.annotations,
        }
