"""What an EDF asks of an engine, whichever it is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from . import edf
from .edf import Mount

SHELL_STATE = frozenset({"PWD", "OLDPWD", "SHLVL", "_"})
"""Variables of the caller's shell that mean nothing in a container."""


class Settings:
    """An EDF's keys; those that depend on variables are expanded when they are asked for."""

    def __init__(self, content: Mapping[str, Any], cwd: str) -> None:
        self.image: str = content.get("image", "")
        self.entrypoint: bool = content.get("entrypoint", False)
        self.writable: bool = content.get("writable", True)
        self._content = content
        self._cwd = cwd

    def variables(self, image_env: Mapping[str, str]) -> dict[str, str]:
        """What variables of the EDF are expanded from: the host's, the image's over them."""
        return {**os.environ, **image_env}

    def mounts(self, variables: Mapping[str, str]) -> list[Mount]:
        """All mounts; `umount` takes away what is not there, so it is left out."""
        texts = self._content.get("mounts", [])
        found = [edf.mount(text, variables, self._cwd) for text in texts]
        return [mount for mount in found if mount.source != "umount"]

    def env(self, variables: Mapping[str, str]) -> dict[str, str]:
        """`[env]`, expanded; an empty value unsets."""
        given = self._content.get("env", {})
        return {name: edf.expand(value, variables) for name, value in given.items()}

    def workdir(self, variables: Mapping[str, str]) -> str:
        """The folder to start in; empty for the image's own."""
        return edf.expand(self._content.get("workdir", ""), variables)
