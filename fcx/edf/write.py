"""Write the EDF of an image: fcx's own file whole each time, the user's once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..config import EdfSettings, Settings
from ..errors import EdfError, UsageError
from ..files import CONFIG_NAME, generated_edf, write_whole
from .adding import with_annotations
from .document import Edf
from .handover import additions, handed_over, is_old, missing, overruled, spoken
from .pair import base_of, is_generated, takes_generated
from .read import parse, text_of
from .render import render

TEMPLATE = """\
# mounts = ["${STORE}/data:/data:ro"]    # SRC:DST[:FLAGS]

[env]
# NCCL_DEBUG = "INFO"

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
    write_whole(own, _generated(edf, head))
    if users is not None:
        write_whole(target, users)
    return done


def write_hooks(target: Path, hooks: Mapping[str, str]) -> str:
    """Add annotations to the user's file, where it says nothing of them; what was done, in a line.

    Raises EdfError for a file that cannot be read or added to.
    """
    text, file = text_of(target), str(target)
    said = parse(text, file).annotations
    lacking = {name: value for name, value in hooks.items() if name not in said}
    others = [
        f'{name} = "{said[name]}"' for name in hooks if said.get(name, hooks[name]) != hooks[name]
    ]
    if lacking:
        write_whole(target, with_annotations(text, lacking, file))
    told = []
    if lacking:
        lines = (f'{name} = "{value}"' for name, value in lacking.items())
        told.append(f"{file} has {', '.join(lines)} now")
    if others:
        told.append(f"{', '.join(others)} of {file} stays: it is yours")
    return "; ".join(told)


def is_written(target: Path, edf: Edf, head: Iterable[str]) -> bool:
    """Whether ``write_pair`` would change nothing; of a file that cannot be read that is not so."""
    own = generated_edf(target)
    try:
        if text_of(own) != _generated(edf, head):
            return False
        text = text_of(target)
        return takes_generated(parse(text, str(target))) or not is_old(text, str(target))
    except EdfError:
        return False


def _generated(edf: Edf, head: Iterable[str]) -> str:
    """The text of fcx's own file."""
    return "\n".join([*(f"#: {line}" for line in head), "", render(edf)])


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
    old = target.exists()
    text, name = (text_of(target), file) if old else _first(target, settings)
    if old:
        edf = parse(text, file)
        if takes_generated(edf) or not is_old(text, file):
            return None, Written(target, own, "", _unread(edf, added, settings.edf))
    users = handed_over(text, added, base_of(target), _head(own.name), name)
    moved = _moved(parse(users, file), own, settings.edf, old=old)
    return users, Written(target, own, moved)


def _first(target: Path, settings: Settings) -> tuple[str, str]:
    """What the user's file is made of where there is none, and the name of that."""
    base = settings.edf.base
    if not base:
        return TEMPLATE, str(target)
    source = settings.root / base
    try:
        return text_of(source), str(source)
    except EdfError as error:
        raise EdfError(
            f"{error.message}. `base` in [edf] of {CONFIG_NAME} names it ({base!r}): correct that "
            "line, or delete it.",
            error.file,
            error.line,
            error.column,
        ) from error


def _head(own: str) -> list[str]:
    return [
        "Yours: what you add to the EDF. `fcx edf write` made this file and leaves it alone;",
        f"it renews {own}, on which this is based. What is set here goes before.",
    ]


def _moved(users: Edf, own: Path, settings: EdfSettings, *, old: bool) -> str:
    """What now stands in the user's file, in one line; empty if nothing was added anywhere else."""
    told = []
    if old:
        told.append(f"lines marked `# fcx` are renewed in {own.name} from now on, the others stay")
    added = additions(settings)
    others = overruled(users, added)
    names = (["base"] if settings.base and not old else []) + spoken(added)
    told += _handed(names, others)
    return f"{users.file} is yours now: {'; '.join(told)}" if told else ""


def _handed(names: list[str], others: list[str]) -> list[str]:
    """What became of `[edf]`; ``others`` of its names a line of the user's overrules."""
    said = []
    if others:
        said.append(
            f"what [edf] of {CONFIG_NAME} says of {', '.join(others)} did not count, and does not "
            "now: a line of yours says otherwise, and stays"
        )
    kept = [name for name in names if name not in others]
    again = f"is not read there again: delete [edf] from {CONFIG_NAME}"
    if kept:
        said.append(
            f"what [edf] of {CONFIG_NAME} says ({', '.join(kept)}) stands in it and {again}"
        )
    elif others:
        said.append(f"what [edf] of {CONFIG_NAME} says {again}")
    return said


def _unread(edf: Edf, added: Edf, settings: EdfSettings) -> str:
    """What [edf] still says although nothing reads it."""
    if settings == EdfSettings():
        return ""
    lacking, others = missing(edf, added), overruled(edf, added)
    first = "".join(
        f"{', '.join(names)} of it {'are' if names[1:] else 'is'} {how}: write it there if it is "
        "to count; "
        for names, how in (
            (lacking, f"not in {edf.file}"),
            (others, f"set to something else in {edf.file}"),
        )
        if names
    )
    last = f"{'then ' if first else ''}delete [edf] from {CONFIG_NAME}"
    return f"[edf] of {CONFIG_NAME} is not read any more; {first}{last}"
