"""Put values into the text of a user's EDF, each where the text's layout asks for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..errors import EdfError
from .document import Edf
from .layout import Edit, Layout, apply
from .read import parse
from .render import annotation_key
from .schema import STRINGS, SWITCHES
from .toml import Path, key, quoted, value

_SCALARS = (*STRINGS, *SWITCHES)


def with_additions(text: str, added: Edf, base: str, file: str) -> str:
    """The text with what it does not say yet, and with the base where it names others already.

    Raises EdfError if there is no room (``env`` as an inline table).
    """
    layout, theirs = Layout(text), parse(text, file)
    return apply(text, _edits(layout, theirs, added, base, file))


def with_annotations(text: str, wanted: Mapping[str, str], file: str) -> str:
    """The text with the annotations that it does not have yet, whatever the values of others.

    Raises EdfError if there is no room (``annotations`` as an inline table).
    """
    layout, theirs = Layout(text), parse(text, file)
    return apply(text, _tables(layout, theirs, Edf(annotations=wanted), file))


def _edits(layout: Layout, theirs: Edf, added: Edf, base: str, file: str) -> Iterator[Edit]:
    if layout.has("base_environment") and base not in theirs.base_environment:
        yield _base(layout, theirs, base)
    yield from _top(layout, theirs, added)
    yield from _tables(layout, theirs, added, file)


def _tables(layout: Layout, theirs: Edf, added: Edf, file: str) -> Iterator[Edit]:
    for section, wanted in (("env", added.env), ("annotations", added.annotations)):
        present = theirs.values()[section]
        lacking = {name: text for name, text in wanted.items() if name not in present}
        if lacking and layout.has(section):
            message = f"{section} is an inline table; write it as a table, [{section}], first"
            raise EdfError(message, file, *layout.index.place((section,)))
        yield from _lines(layout, section, lacking)


def _base(layout: Layout, theirs: Edf, base: str) -> Edit:
    """The base behind those that are named: what comes last counts."""
    items = [path for path in layout.index.values if path[0] == "base_environment" and path[1:]]
    if not items:
        new = [*theirs.base_environment, base]
        return layout.value(("base_environment",), value(new if new[1:] else base))
    return layout.after(items[-1], f", {quoted(base)}")


def _top(layout: Layout, theirs: Edf, added: Edf) -> Iterator[Edit]:
    said = added.values()
    fresh = [name for name in _SCALARS if said[name] is not None and not layout.has(name)]
    top = "".join(f"{name} = {value(said[name])}\n" for name in fresh)
    mounts = [mount for mount in added.mounts if mount not in theirs.mounts]
    lines = "".join(f"    {quoted(mount)},\n" for mount in mounts)
    if mounts and layout.has("mounts"):
        yield layout.into_array(("mounts",), lines)
    elif mounts:
        top += f"mounts = [\n{lines}]\n"
    if top:
        yield layout.into_top(top)


def _paths(layout: Layout, section: str) -> list[Path]:
    """Of every value below a table."""
    return [path for path in layout.index.values if path[0] == section and len(path) > 1]


def _lines(layout: Layout, section: str, lacking: Mapping[str, str]) -> Iterator[Edit]:
    """New lines of a table: at the end of the table that they belong to, if there is one."""
    headers = [path for path in layout.index.headers if path[0] == section]
    blocks: dict[int, str] = {}
    fresh: dict[str, str] = {}
    for name, text in lacking.items():
        path = (section, *(name.split(".") if section == "annotations" else [name]))
        holder = max((p for p in headers if path[: len(p)] == p), key=len, default=None)
        if holder is None:
            fresh[name] = text
            continue
        end = layout.end_of_table(holder)
        line = f"{_dotted(path[len(holder) :])} = {quoted(text)}\n"
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
        tables[title] = tables.get(title, "") + f"{key(last)} = {quoted(text)}\n"
    yield from (layout.append(f"[{title}]\n{lines}") for title, lines in tables.items())


def _without_headers(layout: Layout, section: str, fresh: Mapping[str, str]) -> Edit:
    """Lines of a table that has no header: dotted as its others are, else below a new one."""
    ends = [layout.index.values[path][1] for path in _paths(layout, section)]
    dotted = section == "annotations"
    keys = [annotation_key(name, fresh) if dotted else key(name) for name in fresh]
    lines = [f"{name} = {quoted(text)}\n" for name, text in zip(keys, fresh.values(), strict=True)]
    if ends:
        below = "".join(f"{section}.{line}" for line in lines)
        return layout.insert(layout.line_end(max(ends)), below)
    return layout.append(f"[{section}]\n" + "".join(lines))


def _dotted(path: Path) -> str:
    return ".".join(key(str(part)) for part in path)
