"""TOML as an EDF needs it: read with a position for every value, written in ASCII.

``load`` gives the data or an EdfError; ``Index`` says where in the text a key or value stands,
which no TOML library tells. A 5,000-line file takes some 50 ms.
"""

from __future__ import annotations

import math
import re
import sys
from bisect import bisect_right
from datetime import date, datetime, time
from typing import Any

from ..errors import EdfError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MAX_DEPTH = 64
"""Deepest nesting of tables and arrays that is read; EDFs in use have five levels."""

Path = tuple[str | int, ...]

_WHERE = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)$")
_DECLARED = re.compile(r"Cannot declare \((.*)\) twice")
_BLANK = re.compile(r"(?:[ \t\r\n,]+|#[^\n]*)*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*"""(?:"{0,2})'
    r"|'''(?:[^']|'(?!''))*'''(?:'{0,2})"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'"
    r"|[^,\]}#\r\n]+",
    re.DOTALL,
)
_BRACKETS = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'|#[^\n]*|[\[\]{}]')


def load(text: str, file: str) -> dict[str, Any]:
    """Read TOML. Raises EdfError with line and column for whatever is not TOML."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        line, column = place(text, error.start)
        raise EdfError("half a surrogate pair, which is no text", file, line, column) from None
    try:
        data = tomllib.loads(text.removeprefix("\ufeff"))
    except RecursionError:
        raise _too_deep(text, file) from None
    except ValueError as error:
        raise _invalid(text, file, str(error)) from None
    if _deeper_than(data, MAX_DEPTH):
        raise _too_deep(text, file)
    return data


def place(text: str, offset: int) -> tuple[int, int]:
    """Line and column, counted from 1, of a character."""
    start = text.rfind("\n", 0, offset) + 1
    return text.count("\n", 0, offset) + 1, offset - start + 1


def _invalid(text: str, file: str, message: str) -> EdfError:
    found = _WHERE.search(message)
    if found and found[1]:
        line, column = int(found[1]), int(found[2])
    else:
        line, column = place(text, len(text))
    said = _DECLARED.sub(_table_twice, _WHERE.sub("", message))
    return EdfError(f"not valid TOML: {said}", file, line, column)


def _table_twice(match: re.Match[str]) -> str:
    names = re.findall(r"'([^']*)'", match[1])
    return f"[{'.'.join(names)}] is declared twice"


def _too_deep(text: str, file: str) -> EdfError:
    depth, offset = 0, 0
    for match in _BRACKETS.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(match[0], 0)
        if depth > MAX_DEPTH:
            offset = match.start()
            break
    return EdfError(f"nested more than {MAX_DEPTH} levels deep", file, *place(text, offset))


def _deeper_than(data: object, limit: int) -> bool:
    level: list[object] = [data]
    for _ in range(limit + 1):
        below: list[object] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
        level = below
        if not level:
            return False
    return True


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
            match = _BARE_KEY.match(self.text, offset) or _SCALAR.match(self.text, offset)
            assert match is not None
            path = (*path, _unquoted(match[0]))
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


def _unquoted(key: str) -> str:
    if key[0] == "'":
        return key[1:-1]
    if key[0] != '"':
        return key
    return key[1:-1] if "\\" not in key else next(iter(tomllib.loads(f"{key}=1")))


_ESCAPES = {
    '"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r",
}  # fmt: skip


def quoted(text: str) -> str:
    """A basic TOML string in ASCII. Raises EdfError for half a surrogate pair."""
    return '"' + "".join(map(_escaped, text)) + '"' if _needs_escape(text) else f'"{text}"'


def _needs_escape(text: str) -> bool:
    return not text.isascii() or not text.isprintable() or '"' in text or "\\" in text


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    code = ord(char)
    if 0x20 <= code < 0x7F:
        return char
    if 0xD800 <= code < 0xE000:
        raise EdfError(f"half a surrogate pair (U+{code:04X}) cannot be written to an EDF")
    return f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"


def key(name: str) -> str:
    """One part of a key, quoted where it must be."""
    return name if _BARE_KEY.fullmatch(name) else quoted(name)


def value(data: Any) -> str:  # noqa: PLR0911 - one return a type
    """Any TOML value on one line, in ASCII."""
    if isinstance(data, str):
        return quoted(data)
    if isinstance(data, bool):
        return str(data).lower()
    if isinstance(data, float) and not math.isfinite(data):
        return "nan" if math.isnan(data) else str(data)
    if isinstance(data, (int, float)):
        return repr(data)
    if isinstance(data, (datetime, date, time)):
        return data.isoformat()
    if isinstance(data, (list, tuple)):
        return "[" + ", ".join(map(value, data)) + "]"
    if isinstance(data, dict):
        members = (f"{key(name)} = {value(item)}" for name, item in data.items())
        return "{" + ", ".join(members) + "}"
    raise EdfError(f"{data!r} is nothing that TOML can hold")
