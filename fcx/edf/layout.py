"""A text edited by position: where the lines, tables and values of an EDF stand in it.

tomlkit would do, but moves comments away from what they are about when it adds a key, and needs a
second for a file of 5,000 lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from .index import Index
from .toml import Path

MARK = "fcx"
"""The comment that once stood at the end of each line of fcx's own among those of the user."""


class Edit(NamedTuple):
    """Replace ``text[start:end]``; an insertion where both are the same.

    At one offset, what makes a new table comes ``last``: after lines of the table before it.
    """

    start: int
    end: int
    new: str
    last: bool = False


def apply(text: str, edits: Iterable[Edit]) -> str:
    """The text with all edits made, whose offsets are those of the text as it is."""
    order = sorted(edits, key=lambda edit: (edit.start, edit.end, edit.last))
    for edit in reversed(order):
        text = text[: edit.start] + edit.new + text[edit.end :]
    return text


class Layout:
    """One text and the edits that its lines take."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.index = Index(text)

    def has(self, *path: str) -> bool:
        """Whether there is a value at this path."""
        return path in self.index.values

    def is_marked(self, path: Path) -> bool:
        """Whether a value has a line of its own that bears the mark."""
        return self.index.comment(path) == MARK and not self._before(path).strip()

    def unmarked(self, path: Path) -> Edit:
        """Take the mark off a value's line."""
        end = self.index.values[path][1]
        rest = re.match(r"(?:[ \t]*,)?(?P<mark>[ \t]*#[^\r\n]*)", self.text[end:])
        start, stop = rest.span("mark") if rest else (0, 0)
        return Edit(end + start, end + stop, "")

    def out(self, path: Path) -> Edit:
        """Take the whole line or lines of a value out."""
        return Edit(*self._lines(path), "")

    def into_comment(self, path: Path) -> Edit:
        """Make a comment of the line or lines of a value."""
        start, end = self._lines(path)
        lines = self.text[start:end].splitlines(keepends=True)
        return Edit(start, end, "".join(f"# {line}" for line in lines))

    def value(self, path: Path, new: str) -> Edit:
        """Replace a value alone."""
        return Edit(*self.index.values[path], new)

    def after(self, path: Path, new: str) -> Edit:
        """Put something right behind a value."""
        end = self.index.values[path][1]
        return Edit(end, end, new)

    def insert(self, offset: int, new: str) -> Edit:
        """Put lines in at an offset where a line begins, or the text ends."""
        gap = "\n" if offset and self.text[offset - 1] != "\n" else ""
        return Edit(offset, offset, gap + new)

    def append(self, table: str) -> Edit:
        """Put a new table at the end."""
        return self.insert(len(self.text), f"\n{table}")._replace(last=True)

    def into_array(self, path: Path, lines: str) -> Edit:
        """Put lines after an array's opening bracket and the comment that may follow it."""
        offset = self.index.values[path][0] + 1
        rest = re.match(r"[ \t]*(#[^\n]*)?\r?\n", self.text[offset:])
        if rest:
            return Edit(offset + rest.end(), offset + rest.end(), lines)
        return Edit(offset, offset, f"\n{lines}    ")

    def into_top(self, lines: str) -> Edit:
        """Put further top-level keys after the last one, else before the first table."""
        end = self._end_of_top()
        return self.insert(end, lines + ("\n" if self.text[end : end + 1] == "[" else ""))

    def end_of_table(self, path: Path) -> int:
        """Where further keys of the table with this header go."""
        header = self.index.headers[path]
        following = [o for o in self.index.headers.values() if o > header]
        limit = min(following, default=len(self.text))
        ends = [
            end
            for p, (_, end) in self.index.values.items()
            if p[: len(path)] == path and header < end <= limit
        ]
        return self.line_end(max(ends, default=header))

    def line_end(self, offset: int) -> int:
        """The offset after the newline that ends this line."""
        found = self.text.find("\n", offset)
        return len(self.text) if found < 0 else found + 1

    def _lines(self, path: Path) -> tuple[int, int]:
        start, end = self.index.values[path]
        return self._line_start(self.index.keys.get(path, start)), self.line_end(end)

    def _line_start(self, offset: int) -> int:
        return self.text.rfind("\n", 0, offset) + 1

    def _before(self, path: Path) -> str:
        start = self.index.keys.get(path, self.index.values[path][0])
        return self.text[self._line_start(start) : start]

    def _end_of_top(self) -> int:
        headers = sorted(self.index.headers.values())
        first = headers[0] if headers else len(self.text)
        ends = [end for _, end in self.index.values.values() if end < first]
        if ends:
            return self.line_end(max(ends))
        comments = re.search(r"(?:^[ \t]*#[^\n]*\n)*\Z", self.text[:first], re.MULTILINE)
        return comments.start() if comments and headers else first
