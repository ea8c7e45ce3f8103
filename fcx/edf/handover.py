"""Move into the user's EDF, once, what was added to it in other ways.

Those were: `[edf]` of fcx.toml; the EDF that its `base` named; and, in an EDF that fcx renewed line
by line, all lines but those that ended in ``# fcx``. What stands in a text stays byte for byte,
comments and layout too; `image`, which was always fcx's, becomes a comment.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ..config import EdfSettings
from ..errors import EdfError
from .adding import with_additions
from .document import Edf
from .layout import Edit, Layout, apply
from .read import parse
from .schema import STRINGS, SWITCHES, leaves
from .toml import Path, load, quoted

_SCALARS = (*STRINGS, *SWITCHES)
_OLD_HEADER = re.compile(r"\ufeff?((?:[ \t]*#:[^\n]*\n?)*)\s*")
_OLD_TITLE = re.compile(r"\ufeff?[ \t]*#: Made by `fcx edf write`")


def additions(settings: EdfSettings) -> Edf:
    """What `[edf]` of fcx.toml adds."""
    annotations = {".".join(path): _text(value) for path, value in leaves(settings.annotations)}
    return Edf(
        image=settings.image or None,
        workdir=settings.workdir or None,
        writable=None if settings.writable else False,
        mounts=settings.mounts,
        env=dict(settings.env),
        annotations=annotations,
    )


def spoken(added: Edf) -> list[str]:
    """What is added, as names of settings."""
    said = added.values()
    tables = [f"{table}.{name}" for table in ("env", "annotations") for name in said.pop(table)]
    return [name for name, given in said.items() if given not in (None, (), {})] + tables


def is_old(text: str, file: str) -> bool:
    """Whether an EDF is one that fcx renewed line by line: by its head, or by a marked line."""
    load(text, file)
    layout = Layout(text)
    return bool(_OLD_TITLE.match(text)) or any(map(layout.is_marked, layout.index.values))


def handed_over(existing: str, added: Edf, base: str, head: Iterable[str], file: str) -> str:
    """The user's EDF: ``existing`` without what was fcx's, on ``base``, with what is ``added``.

    Raises EdfError if ``existing`` is broken, or written in a way that has no room for more
    (``env`` as an inline table).
    """
    theirs = parse(existing, file)
    body = _OLD_HEADER.sub(_without_old_header, existing, count=1)
    kept = _without_gaps(apply(body, _without_ours(Layout(body), theirs, added)))
    text = with_additions(kept, added, base, file)
    lines = [f"# {line}" for line in head]
    if "base_environment" not in load(kept, file):
        lines.append(f"base_environment = {quoted(base)}")
    whole = "\n".join([*lines, *([""] if text.strip() else []), text.lstrip("\r\n")])
    whole = whole if "\r\n" not in existing else re.sub(r"\r?\n", "\r\n", whole)
    _verify(whole, added, base, file)
    return whole


def _without_old_header(match: re.Match[str]) -> str:
    """What stays of the comments on top: all that was not fcx's."""
    ours = _OLD_TITLE.match(match[1]) or "build id:" in match[1]
    return "" if ours else match[0].removeprefix("\ufeff")


def _verify(text: str, added: Edf, base: str, file: str) -> None:
    """A last look: the result has the base and everything that was to be added."""
    message = (
        "it is laid out in a way that fcx cannot add to; give another --output, or move it to "
        "another name, write the EDF again and copy your lines into the new file"
    )
    try:
        result = parse(text)
    except EdfError as error:
        raise EdfError(f"{message} ({error.message})", file) from error
    if base not in result.base_environment or missing(result, added):
        raise EdfError(message, file)


def missing(edf: Edf, added: Edf) -> list[str]:
    """What is added and does not stand in an EDF, whatever the values, as names of settings."""
    lacking = Edf(
        **{name: given for name, given in added.values().items() if name in _SCALARS}
        | {name: None for name in _SCALARS if edf.values()[name] is not None},
        mounts=tuple(mount for mount in added.mounts if mount not in edf.mounts),
        env={name: text for name, text in added.env.items() if name not in edf.env},
        annotations={n: text for n, text in added.annotations.items() if n not in edf.annotations},
    )
    return spoken(lacking)


def overruled(edf: Edf, added: Edf) -> list[str]:
    """What is added and stands in an EDF with another value, as names of settings."""
    said, there = added.values(), edf.values()
    both = {
        name: given for name, given in said.items() if name in _SCALARS and there[name] != given
    }
    both = {name: given for name, given in both.items() if None not in (given, there[name])}
    other = Edf(
        **both,
        env={name: text for name, text in added.env.items() if edf.env.get(name, text) != text},
        annotations={
            name: text
            for name, text in added.annotations.items()
            if edf.annotations.get(name, text) != text
        },
    )
    return spoken(other)


def _without_ours(layout: Layout, theirs: Edf, added: Edf) -> Iterator[Edit]:
    """Lines that fcx wrote go; of those that only repeat what is added, the mark goes."""
    for path in layout.index.values:
        if layout.is_marked(path):
            yield layout.unmarked(path) if _is_users(path, theirs, added) else layout.out(path)
        elif path == ("image",):
            given = added.image
            yield layout.value(path, quoted(given)) if given else layout.into_comment(path)


def _without_gaps(text: str) -> str:
    """Without an array of mounts that nothing is left in."""
    layout, path = Layout(text), ("mounts",)
    start, end = layout.index.values.get(path, (0, 0))
    if layout.index.comment(path) or re.sub(r"\s", "", text[start:end]) != "[]":
        return text
    return apply(text, [layout.out(path)])


def _is_users(path: Path, theirs: Edf, added: Edf) -> bool:
    """Whether a marked line says what the user added, or what fcx never wrote."""
    top, name = str(path[0]), ".".join(map(str, path[1:]))
    if top in _SCALARS:
        return bool(theirs.values()[top] == added.values()[top])
    if top == "mounts" and len(path) > 1:
        return theirs.mounts[int(path[1])] in added.mounts
    if top in ("env", "annotations") and len(path) > 1:
        before, wanted = theirs.values()[top], added.values()[top]
        return name not in before or before[name] == wanted.get(name)
    return True


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
