"""Write an EDF into an existing file without touching what is not fcx's own.

Each line that fcx writes ends in ``# fcx``. On regeneration such lines are renewed where they
stand, those no longer wanted go, and every other line stays byte for byte; a user who takes the
mark off a line keeps it as it is. Only ``image`` is always fcx's own. One exception within a
user's line: a single-path mount is written out as ``SRC:DST``.

The text is edited by position. tomlkit would do, but moves comments away from what they are
about when it adds a key, and needs a second for a file of 5,000 lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from ..errors import EdfError
from . import toml as edf_toml
from .document import Edf, annotation_key
from .schema import SWITCHES

MARK = "fcx"
"""The comment at the end of a line that says whose it is."""

_SCALARS = ("image", "workdir", *SWITCHES)
_OLD_HEADER = re.compile(r"\ufeff?(?:[ \t]*#:[^\n]*\n?)*\s*")


class Edit(NamedTuple):
    """Replace ``text[start:end]``; an insertion where both are the same.

    At one offset, what makes a new table comes ``last``: after lines of the table before it.
    """

    start: int
    end: int
    new: str
    last: bool = False


def rewritten(existing: str, edf: Edf, head: list[str], file: str = "<edf>") -> str:
    """``existing`` with fcx's own lines renewed to say what ``edf`` says.

    An empty text makes a new file. Raises EdfError if ``existing`` is broken, or written in a way
    that has no room for our lines (``env`` as an inline table).
    """
    theirs = Edf.parse(existing, file)
    body = _OLD_HEADER.sub("", existing, count=1)
    text = _apply(body, _Rewriter(body, file).edits(edf, theirs))
    lines = [f"#: {line}" for line in head]
    whole = "\n".join([*lines, "", text.lstrip("\n")])
    _verify(whole, edf, file)
    return whole if "\r\n" not in existing else re.sub(r"\r?\n", "\r\n", whole)


def _apply(text: str, edits: list[Edit]) -> str:
    order = sorted(edits, key=lambda edit: (edit.start, edit.end, edit.last))
    for edit in reversed(order):
        text = text[: edit.start] + edit.new + text[edit.end :]
    return text


def _verify(text: str, wanted: Edf, file: str) -> None:
    """A last look: the result names the image and has every mount, variable and annotation."""
    message = "it is laid out in a way that fcx cannot add to; give another --output"
    try:
        result = Edf.parse(text)
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


class _Rewriter:
    """Computes the edits of one file."""

    def __init__(self, text: str, file: str) -> None:
        self.text, self.file = text, file
        self.index = edf_toml.Index(text)

    def edits(self, edf: Edf, theirs: Edf) -> list[Edit]:
        """All edits that make the text say what ``edf`` says, where it leaves room for it."""
        edits = [*self._top(edf), *self._mounts(edf, theirs)]
        for section, wanted in (("env", edf.env), ("annotations", edf.annotations)):
            edits += self._section(section, wanted)
        return edits

    def _own(self, path: edf_toml.Path) -> bool:
        """Whether a value has a line of its own that bears the mark."""
        return self.index.comment(path) == MARK and not self._before(path).strip()

    def _before(self, path: edf_toml.Path) -> str:
        start = self.index.keys.get(path, self.index.values[path][0])
        return self.text[self._line_start(start) : start]

    def _line_start(self, offset: int) -> int:
        return self.text.rfind("\n", 0, offset) + 1

    def _line_end(self, offset: int) -> int:
        """The offset after the newline that ends this line."""
        found = self.text.find("\n", offset)
        return len(self.text) if found < 0 else found + 1

    def _line(self, path: edf_toml.Path, new: str) -> Edit:
        """Replace the whole line or lines of a value, its indentation kept."""
        start, end = self.index.values[path]
        begin = self._line_start(self.index.keys.get(path, start))
        return Edit(begin, self._line_end(end), new and self._before(path) + new)

    def _insert(self, offset: int, new: str) -> Edit:
        gap = "\n" if offset and self.text[offset - 1] != "\n" else ""
        return Edit(offset, offset, gap + new)

    def _append(self, table: str) -> Edit:
        return self._insert(len(self.text), f"\n{table}")._replace(last=True)

    def _top(self, edf: Edf) -> Iterator[Edit]:
        added = ""
        for name in _SCALARS:
            value = getattr(edf, name)
            line = "" if value is None else _marked(f"{name} = {edf_toml.value(value)}")
            if (name,) not in self.index.values:
                added += line
            elif self._own((name,)):
                yield self._line((name,), line)
            elif name == "image":
                yield Edit(*self.index.values[name,], edf_toml.value(value))
        if ("mounts",) not in self.index.values and edf.mounts:
            added += f"mounts = [\n{_mount_lines(edf.mounts)}]\n"
        if added:
            end = self._end_of_top()
            yield self._insert(end, added + ("\n" if self.text[end : end + 1] == "[" else ""))

    def _end_of_top(self) -> int:
        """Where further top-level keys go: after the last one, else before the first table."""
        headers = sorted(self.index.headers.values())
        first = headers[0] if headers else len(self.text)
        ends = [end for _, end in self.index.values.values() if end < first]
        if ends:
            return self._line_end(max(ends))
        comments = re.search(r"(?:^[ \t]*#[^\n]*\n)*\Z", self.text[:first], re.MULTILINE)
        return comments.start() if comments and headers else first

    def _mounts(self, edf: Edf, theirs: Edf) -> Iterator[Edit]:
        if ("mounts",) not in self.index.values:
            return
        kept, raw = set(), edf_toml.load(self.text, self.file)["mounts"]
        for number, mount in enumerate(theirs.mounts):
            path = ("mounts", number)
            if self._own(path) and mount not in edf.mounts:
                yield self._line(path, "")
                continue
            kept.add(mount)
            if raw[number] != mount:
                yield Edit(*self.index.values[path], edf_toml.quoted(mount))
        new = [mount for mount in edf.mounts if mount not in kept]
        if new:
            yield self._into_array(self.index.values["mounts",][0] + 1, _mount_lines(new))

    def _into_array(self, offset: int, lines: str) -> Edit:
        """Insert lines after the opening bracket and the comment that may follow it."""
        rest = re.match(r"[ \t]*(#[^\n]*)?\r?\n", self.text[offset:])
        if rest:
            return Edit(offset + rest.end(), offset + rest.end(), lines)
        return Edit(offset, offset, f"\n{lines}    ")

    def _section(self, section: str, wanted: Mapping[str, str]) -> Iterator[Edit]:
        present = set()
        for path in self.index.values:
            if path[0] != section or len(path) == 1:
                continue
            name = ".".join(map(str, path[1:]))
            present.add(name)
            if self._own(path):
                yield self._line(path, self._renewed(path, wanted.get(name)))
        missing = {name: value for name, value in wanted.items() if name not in present}
        yield from self._added(section, missing)

    def _renewed(self, path: edf_toml.Path, value: str | None) -> str:
        if value is None:
            return ""
        start = self.index.keys[path]
        equals = self.text[start : self.index.values[path][0]]
        return _marked(equals + edf_toml.quoted(value))

    def _added(self, section: str, missing: Mapping[str, str]) -> Iterator[Edit]:
        """New lines of a table: at the end of the table that they belong to, if there is one."""
        if (section,) in self.index.values and missing:
            message = f"{section} is an inline table; write it as a table, [{section}], first"
            raise EdfError(message, self.file, *self.index.place((section,)))
        headers = {p: o for p, o in self.index.headers.items() if p[0] == section}
        blocks: dict[int, str] = {}
        fresh: dict[str, str] = {}
        for name, value in missing.items():
            path = (section, *(name.split(".") if section == "annotations" else [name]))
            holder = max((p for p in headers if path[: len(p)] == p), key=len, default=None)
            if holder is None:
                fresh[name] = value
                continue
            line = _marked(f"{_key(path[len(holder) :])} = {edf_toml.quoted(value)}")
            end = self._end_of_table(headers[holder], holder)
            blocks[end] = blocks.get(end, "") + line
        yield from (self._insert(offset, lines) for offset, lines in blocks.items())
        if fresh:
            yield from self._fresh(section, fresh, bool(headers))

    def _fresh(self, section: str, fresh: Mapping[str, str], crowded: bool) -> Iterator[Edit]:
        """New lines of a table that has no header: dotted, or below a header of their own."""
        ends = [end for path, (_, end) in self.index.values.items() if path[0] == section]
        lines = {
            name: f"{_name(section, name, fresh)} = {edf_toml.quoted(value)}"
            for name, value in fresh.items()
        }
        if crowded:
            tables: dict[str, str] = {}
            for name, value in fresh.items():
                *parents, last = name.split(".")
                title = _key((section, *parents))
                line = _marked(f"{edf_toml.key(last)} = {edf_toml.quoted(value)}")
                tables[title] = tables.get(title, "") + line
            yield from (self._append(f"[{title}]\n{text}") for title, text in tables.items())
        elif ends:
            dotted = "".join(_marked(f"{section}.{line}") for line in lines.values())
            yield self._insert(self._line_end(max(ends)), dotted)
        else:
            table = "".join(map(_marked, lines.values()))
            yield self._append(f"[{section}]\n{table}")

    def _end_of_table(self, header_at: int, path: edf_toml.Path) -> int:
        following = [o for o in self.index.headers.values() if o > header_at]
        limit = min(following, default=len(self.text))
        ends = [
            end
            for p, (_, end) in self.index.values.items()
            if p[: len(path)] == path and header_at < end <= limit
        ]
        return self._line_end(max(ends, default=header_at))


def _marked(line: str) -> str:
    return f"{line}  # {MARK}\n"


def _mount_lines(mounts: Iterable[str]) -> str:
    return "".join(f"    {_marked(edf_toml.quoted(mount) + ',')}" for mount in mounts)


def _key(path: edf_toml.Path) -> str:
    return ".".join(edf_toml.key(str(part)) for part in path)


def _name(section: str, name: str, names: Mapping[str, str]) -> str:
    return annotation_key(name, set(names)) if section == "annotations" else edf_toml.key(name)
