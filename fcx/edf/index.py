"""Where each key and value of a TOML text stands, which no TOML library tells.

A file of 5,000 lines takes some 50 ms.
"""

from __future__ import annotations

import re
from bisect import bisect_right

from .toml import BARE_KEY, Path, bare

_BLANK = re.compile(r"(?:[ \t\r\n,]+|#[^\n]*)*")
_SCALAR = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*"""(?:"{0,2})'
    r"|'''(?:[^']|'(?!''))*'''(?:'{0,2})"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'"
    r"|[^,\]}#\r\n]+",
    re.DOTALL,
)


class Index:
    """Where each key and value of a valid TOML text stands; paths are as in the data.

    ``keys`` maps a path to its key's offset, ``headers`` a table's path to its ``[header]``,
    ``values`` a path to the (start, end) of its value.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.keys: dict[Path, int] = {}
        self.values: dict[Path, tuple[int, int]] = {}
        self.headers: dict[Path, int] = {}
        self._lines = [0, *(match.end() for match in re.finditer("\n", text))]
        self._arrays: dict[Path, int] = {}
        self._read()

    def place(self, path: Path, needle: str = "") -> tuple[int, int]:
        """Line and column of ``needle`` in a value, else of the value, else of the nearest key."""
        start, end = self.values.get(path, (None, 0))
        if start is None:
            return self.key_place(path)
        inside = self.text.find(needle, start, end) if needle else start
        return self._at(start if inside < 0 else inside)

    def key_place(self, path: Path) -> tuple[int, int]:
        """Line and column of a key or table header, or of the nearest one that holds it."""
        while path and path not in self.keys:
            path = path[:-1]
        return self._at(self.keys.get(path, 0))

    def spelt(self, path: Path) -> str:
        """A value's key as it stands in the text: dotted, quoted, or from a header on."""
        return self.text[self.keys[path] : self.values[path][0]].rstrip().removesuffix("=").rstrip()

    def comment(self, path: Path) -> str:
        """The comment at the end of a value's last line, without its ``#``; empty if none."""
        span = self.values.get(path)
        if span is None:
            return ""
        rest = self.text[span[1] : (self.text + "\n").index("\n", span[1])]
        found = re.fullmatch(r"[ \t,]*#(.*)", rest.rstrip("\r"))
        return found[1].strip() if found else ""

    def _at(self, offset: int) -> tuple[int, int]:
        line = bisect_right(self._lines, offset)
        return line, offset - self._lines[line - 1] + 1

    def _read(self) -> None:
        base: Path = ()
        offset = self._skip(1 if self.text.startswith("\ufeff") else 0)
        while offset < len(self.text):
            if self.text[offset] == "[":
                base, offset = self._header(offset)
            else:
                offset = self._pair(base, offset)
            offset = self._skip(offset)

    def _skip(self, offset: int) -> int:
        match = _BLANK.match(self.text, offset)
        return match.end() if match else offset

    def _header(self, offset: int) -> tuple[Path, int]:
        brackets = 2 if self.text.startswith("[[", offset) else 1
        path, after = self._key((), offset + brackets, offset)
        if brackets == 2:
            count = self._arrays[path] = self._arrays.get(path, -1) + 1
            path = (*path, count)
            self.keys[path] = offset
        self.headers[path] = offset
        return path, after + brackets

    def _pair(self, base: Path, offset: int) -> int:
        path, after = self._key(base, offset, offset)
        return self._value(path, self._skip(after + 1))

    def _key(self, base: Path, offset: int, mark: int) -> tuple[Path, int]:
        """Read a dotted key that counts from ``mark``; returns its path and what follows it."""
        path = base
        while True:
            offset = self._skip(offset)
            match = BARE_KEY.match(self.text, offset) or _SCALAR.match(self.text, offset)
            assert match is not None
            path = (*path, bare(match[0]))
            self.keys.setdefault(path, mark)
            offset = self._skip(match.end())
            if self.text[offset] != ".":
                return path, offset
            if path in self._arrays:
                path = (*path, self._arrays[path])
            offset += 1

    def _value(self, path: Path, start: int) -> int:
        opening = self.text[start]
        if opening in "[{":
            end = self._items(path, start) if opening == "[" else self._members(path, start)
        else:
            match = _SCALAR.match(self.text, start)
            assert match is not None
            end = start + len(match[0].rstrip())
        self.values[path] = (start, end)
        return end

    def _items(self, path: Path, offset: int) -> int:
        offset, count = self._skip(offset + 1), 0
        while self.text[offset] != "]":
            offset = self._skip(self._value((*path, count), offset))
            count += 1
        return offset + 1

    def _members(self, path: Path, offset: int) -> int:
        offset = self._skip(offset + 1)
        while self.text[offset] != "}":
            offset = self._skip(self._pair(path, offset))
        return offset + 1
