"""What fcx notes in an environment that it makes or repairs: ``fcx.json`` beside ``pyvenv.cfg``.

It tells an environment that fcx made, and may make anew, from one of somebody else's. ``busy`` is
written before anything is changed, so that a run that was killed is made good by the next one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from ..files import write_whole
from ..records import Misfit, Struct, fit, plain

NAME = "fcx.json"


class Lack(Struct, frozen=True):
    """A release of the image that the client cannot have, and why."""

    version: str
    reason: str


class Journal(Struct, frozen=True):
    """One environment: who made it, what is under way in it, and what it cannot have."""

    made: bool = False  # by fcx: it may be made anew
    fcx: str = ""  # digest of the wheel of fcx that was put in
    busy: tuple[str, ...] = ()  # distributions that are just being changed
    lacks: Mapping[str, Lack] = {}

    def write(self, folder: Path) -> Journal:
        """Note it in the environment's folder."""
        about = {"about": "Written by `fcx env sync`: what it did to this environment."}
        text = json.dumps({**about, **plain(self)}, indent=2, sort_keys=True)
        write_whole(folder / NAME, text + "\n")
        return self

    @classmethod
    def read(cls, folder: Path) -> Journal:
        """What stands there; a damaged file says nothing, and then the environment is not ours."""
        try:
            return fit(cls, json.loads((folder / NAME).read_bytes()))
        except (OSError, ValueError, RecursionError, Misfit):
            return cls()
