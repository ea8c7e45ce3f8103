"""Write an EDF into an existing file without touching what is not fcx's own.

Each line that fcx writes ends in ``# fcx``. On regeneration such lines are renewed where they
stand, those no longer wanted go, and every other line stays byte for byte; a user who takes the
mark off a line keeps it as it is. Only ``image`` is always fcx's own. One exception within a
user's line: a single-path mount is written out as ``SRC:DST``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from ..errors import EdfError
from .document import UNNAMED, Edf
from .layout import Edit, Layout, apply, marked
from .read import parse
from .render import annotation_key
from .schema import SWITCHES
from .toml import Path, key, load, quoted, value

_SCALARS = ("image", "workdir", *SWITCHES)
_OLD_HEADER = re.compile(r"\ufeff?(?:[ \t]*#:[^\n]*\n?)*\s*")


def rewritten(existing: str, edf: Edf, head: list[str], file: str = UNNAMED) -> str:
    """``existing`` with fcx's own lines renewed to say what ``edf`` says.

    An empty text makes a new file. Raises EdfError if ``existing`` is broken, or written in a way
    that has no room for our lines (``env`` as an inline table).
    """
    theirs = parse(existing, file)
    body = _OLD_HEADER.sub("", existing, count=1)
    text = apply(body, _edits(Layout(body), edf, theirs, file))
    lines = [f"#: {line}" for line in head]
    whole = "\n".join([*lines, "", text.lstrip("\n")])
    _verify(whole, edf, file)
    return whole if "\r\n" not in existing else re.sub(r"\r?\n", "\r\n", whole)


def _verify(text: str, wanted: Edf, file: str) -> None:
    """A last look: the result names the image and has every mount, variable and annotation."""
    message = "it is laid out in a way that fcx cannot add to; give another --output"
    try:
        result = parse(text)
    except EdfError as error:
        raise EdfError(f"{message} ({error.message})", file) from error
    complete = (
        result.image == wanted.image
        and set(wanted.mounts) <= set(result.mounts)
        and set(wanted.env) <= set(result.env)
        and set(wanted.annotations) <= set(result.annotations)
    )
    if not complete:
        raise EdfError(message, file)


def _edits(layout: Layout, edf: Edf, theirs: Edf, file: str) -> Iterator[Edit]:
    """All edits that make the text say what ``edf`` says, where it leaves room for it."""
    yield from _top(layout, edf)
    if layout.has("mounts"):
        yield from _mounts(layout, edf, theirs, load(layout.text, file)["mounts"])
    for section, wanted in (("env", edf.env), ("annotations", edf.annotations)):
        if layout.has(section) and set(wanted) - _names(layout, section):
            message = f"{section} is an inline table; write it as a table, [{section}], first"
            raise EdfError(message, file, *layout.index.place((section,)))
        yield from _section(layout, section, wanted)


def _top(layout: Layout, edf: Edf) -> Iterator[Edit]:
    said = edf.values()
    added = ""
    for name in _SCALARS:
        line = "" if said[name] is None else marked(f"{name} = {value(said[name])}")
        if not layout.has(name):
            added += line
        elif layout.is_marked((name,)):
            yield layout.line((name,), line)
        elif name == "image":
            yield layout.value((name,), value(said[name]))
    if not layout.has("mounts") and edf.mounts:
        added += f"mounts = [\n{_mount_lines(edf.mounts)}]\n"
    if added:
        yield layout.into_top(added)


def _mounts(layout: Layout, edf: Edf, theirs: Edf, raw: list[str]) -> Iterator[Edit]:
    kept = set()
    for number, mount in enumerate(theirs.mounts):
        path: Path = ("mounts", number)
        if layout.is_marked(path) and mount not in edf.mounts:
            yield layout.line(path, "")
            continue
        kept.add(mount)
        if raw[number] != mount:
            yield layout.value(path, quoted(mount))
    new = [mount for mount in edf.mounts if mount not in kept]
    if new:
        yield layout.into_array(("mounts",), _mount_lines(new))


def _section(layout: Layout, section: str, wanted: Mapping[str, str]) -> Iterator[Edit]:
    for path in _paths(layout, section):
        if layout.is_marked(path):
            new = wanted.get(_name(path))
            renewed = "" if new is None else marked(layout.key_and_equals(path) + quoted(new))
            yield layout.line(path, renewed)
    present = _names(layout, section)
    missing = {name: text for name, text in wanted.items() if name not in present}
    yield from _added(layout, section, missing)


def _paths(layout: Layout, section: str) -> list[Path]:
    """Of every value below a table."""
    return [path for path in layout.index.values if path[0] == section and len(path) > 1]


def _name(path: Path) -> str:
    return ".".join(map(str, path[1:]))


def _names(layout: Layout, section: str) -> set[str]:
    return set(map(_name, _paths(layout, section)))


def _added(layout: Layout, section: str, missing: Mapping[str, str]) -> Iterator[Edit]:
    """New lines of a table: at the end of the table that they belong to, if there is one."""
    headers = [path for path in layout.index.headers if path[0] == section]
    blocks: dict[int, str] = {}
    fresh: dict[str, str] = {}
    for name, text in missing.items():
        path = (section, *(name.split(".") if section == "annotations" else [name]))
        holder = max((p for p in headers if path[: len(p)] == p), key=len, default=None)
        if holder is None:
            fresh[name] = text
            continue
        end = layout.end_of_table(holder)
        line = marked(f"{_dotted(path[len(holder) :])} = {quoted(text)}")
        blocks[end] = blocks.get(end, "") + line
    yield from (layout.insert(offset, lines) for offset, lines in blocks.items())
    if fresh and headers:
        yield from _below_new_headers(layout, section, fresh)
    elif fresh:
        yield _without_headers(layout, section, fresh)


def _below_new_headers(layout: Layout, section: str, fresh: Mapping[str, str]) -> Iterator[Edit]:
    """Tables beside those that have headers such as ``[annotations.com.hooks.ssh]``."""
    tables: dict[str, str] = {}
    for name, text in fresh.items():
        *parents, last = name.split(".")
        title = _dotted((section, *parents))
        tables[title] = tables.get(title, "") + marked(f"{key(last)} = {quoted(text)}")
    yield from (layout.append(f"[{title}]\n{lines}") for title, lines in tables.items())


def _without_headers(layout: Layout, section: str, fresh: Mapping[str, str]) -> Edit:
    """Lines of a table that has no header: dotted as its others are, else below a new one."""
    ends = [layout.index.values[path][1] for path in _paths(layout, section)]
    dotted = section == "annotations"
    keys = [annotation_key(name, fresh) if dotted else key(name) for name in fresh]
    lines = [f"{name} = {quoted(text)}" for name, text in zip(keys, fresh.values(), strict=True)]
    if ends:
        below = "".join(marked(f"{section}.{line}") for line in lines)
        return layout.insert(layout.line_end(max(ends)), below)
    return layout.append(f"[{section}]\n" + "".join(map(marked, lines)))


def _mount_lines(mounts: Iterable[str]) -> str:
    return "".join(f"    {marked(quoted(mount) + ',')}" for mount in mounts)


def _dotted(path: Path) -> str:
    return ".".join(key(str(part)) for part in path)
