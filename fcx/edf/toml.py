"""TOML as an EDF needs it: read into data or an EdfError with a place, and written in ASCII."""

from __future__ import annotations

import math
import re
import sys
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
BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
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


def bare(key: str) -> str:
    """The name that one part of a key stands for, quoted or not."""
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
    return name if BARE_KEY.fullmatch(name) else quoted(name)


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
