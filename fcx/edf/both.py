"""What is wrong with an EDF of the user's together with fcx's own that it is based on."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from ..config import Site
from ..parity.manifest import Manifest
from .check import check
from .findings import Finding
from .lookup import finder
from .pair import generated_of, hidden
from .read import text_of


def of_pair(
    path: str | Path,
    dialect: str,
    site: Site | None,
    manifest: Manifest | None,
    *,
    on_cluster: bool = False,
) -> list[Finding]:
    """The findings of an EDF, and of fcx's own that it is based on where they still count."""
    ask = partial(
        check,
        dialect=dialect,
        site=site,
        manifest=manifest,
        lookup=finder(),
        variables=os.environ if on_cluster else None,
        exists=os.path.exists if on_cluster else None,
    )
    text, own = text_of(path), generated_of(path)
    found = ask(text, str(path), generated=own)
    if own is None:
        return found
    unseen = hidden(text, str(path), own)
    return found + [one for one in ask(own.text, own.file) if one.line not in unseen]
