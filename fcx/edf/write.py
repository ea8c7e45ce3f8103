"""Write the EDF of an image: fcx's own file whole each time, the user's once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..config import EdfSettings, Settings
from ..errors import UsageError
from ..files import CONFIG_NAME, generated_edf, write_whole
from .document import Edf
from .handover import additions, handed_over, is_old, missing, spoken
from .pair import base_of, is_generated, takes_generated
from .read import parse, text_of
from .render import render

TEMPLATE = """\
# mounts = ["${STORE}/data:/data:ro"]    # SRC:DST[:FLAGS]

[env]
# OMP_PROC_BIND = "close"

[annotations]
# com.hooks.cxi.enabled = "true"
"""
"""What the user's file has below its head, where there was none before."""


@dataclass(frozen=True)
class Written:
    """Where the two files are, and what is to be said about what was added in other ways."""

    users: Path
    generated: Path
    moved: str = ""
    unread: str = ""


def write_pair(target: Path, edf: Edf, head: Iterable[str], settings: Settings) -> Written:
    """Write ``edf`` beside ``target``, which is the user's file and made where it is absent.

    ``head`` goes on top of fcx's own. What `[edf]` of fcx.toml or marked lines of an older fcx have
    added moves into the user's file once. Raises UsageError for a file in the way, EdfError for one
    that cannot be read or added to.
    """
    own = generated_edf(target)
    _refuse_others(target, own)
    users, done = _users(target, own, settings)
    lines = [f"#: {line}" for line in head]
    write_whole(own, "\n".join([*lines, "", render(edf)]))
    if users is not None:
        write_whole(target, users)
    return done


def _refuse_others(target: Path, own: Path) -> None:
    if own.exists() and not is_generated(text_of(own)):
        raise UsageError(
            f"{own} was not written by `fcx edf write`, which would replace it. Move it to another "
            "name, or name another file with --output."
        )
    if target.exists() and is_generated(text_of(target)):
        raise UsageError(
            f"{target} is fcx's own file of another EDF, not one of yours. Name another with "
            "--output."
        )


def _users(target: Path, own: Path, settings: Settings) -> tuple[str | None, Written]:
    """The user's file as it is to be, None where it stays as it is."""
    file, added = str(target), additions(settings.edf)
    head = _head(own.name)
    if not target.exists():
        source = settings.root / settings.edf.base if settings.edf.base else None
        text, name = (text_of(source), str(source)) if source else (TEMPLATE, file)
        moved = _moved(target, own, settings.edf, old=False)
        return handed_over(text, added, base_of(target), head, name), Written(target, own, moved)
    existing = text_of(target)
    edf = parse(existing, file)
    if takes_generated(edf) or not is_old(existing, file):
        return None, Written(target, own, "", _unread(edf, added, settings.edf))
    moved = _moved(target, own, settings.edf, old=True)
    return handed_over(existing, added, base_of(target), head, file), Written(target, own, moved)


def _head(own: str) -> list[str]:
    return [
        "Yours: what you add to the EDF. `fcx edf write` made this file and leaves it alone;",
        f"it renews {own}, on which this is based. What is set here goes before.",
    ]


def _moved(target: Path, own: Path, settings: EdfSettings, *, old: bool) -> str:
    """What now stands in the user's file, in one line; empty if nothing was added anywhere else."""
    told = []
    if old:
        told.append(f"lines marked `# fcx` are renewed in {own.name} from now on, the others stay")
    names = (["base"] if settings.base else []) + spoken(additions(settings))
    if names:
        told.append(
            f"what [edf] of {CONFIG_NAME} says ({', '.join(names)}) stands in it and is not read "
            f"there again: delete [edf] from {CONFIG_NAME}"
        )
    return f"{target} is yours now: {'; '.join(told)}" if told else ""


def _unread(edf: Edf, added: Edf, settings: EdfSettings) -> str:
    """What [edf] still says although nothing reads it."""
    if settings == EdfSettings():
        return ""
    lacking = missing(edf, added)
    first = (
        f"{', '.join(lacking)} of it {'are' if lacking[1:] else 'is'} not in {edf.file}: write it "
        "there if it is to count, then "
        if lacking
        else ""
    )
    return f"[edf] of {CONFIG_NAME} is not read any more; {first}delete [edf] from {CONFIG_NAME}"
