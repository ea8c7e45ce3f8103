"""From an Edf to text that any reader takes, however simple; and to plain data."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from .document import Edf
from .schema import ARRAYS, STRINGS, SWITCHES
from .toml import MAX_DEPTH, key, quoted, value


def render(edf: Edf, header: str = "") -> str:
    """The EDF as ASCII text, one value a line, the header's lines as comments on top."""
    lines = [f"# {line}".rstrip() for line in map(_printable, header.splitlines())]
    lines += _top(edf)
    if edf.env:
        lines += ["", "[env]", *(f"{key(name)} = {quoted(v)}" for name, v in edf.env.items())]
    if edf.annotations:
        lines += ["", "[annotations]", *_annotations(edf.annotations)]
    return "\n".join(lines).lstrip("\n") + "\n"


def _top(edf: Edf) -> Iterator[str]:
    said = edf.values()
    if edf.base_environment:
        yield f"base_environment = {value(edf.base_environment)}"
    for name in (*STRINGS, *SWITCHES):
        if said[name] is not None:
            yield f"{name} = {value(said[name])}"
    for name in ARRAYS:
        if said[name]:
            yield from (f"{name} = [", *(f"    {quoted(item)}," for item in said[name]), "]")
    for name, item in edf.other.items():
        yield f"{key(name)} = {value(item)}"


def _annotations(annotations: Mapping[str, str]) -> Iterator[str]:
    for name, text in annotations.items():
        yield f"{annotation_key(name, annotations)} = {quoted(text)}"


def annotation_key(name: str, names: Collection[str]) -> str:
    """A dotted annotation as a TOML key; quoted whole where a part of it has a value itself."""
    parts = name.split(".")
    prefixes = (".".join(parts[:count]) for count in range(1, len(parts)))
    if len(parts) > MAX_DEPTH // 2 or any(prefix in names for prefix in prefixes):
        return quoted(name)
    return ".".join(map(key, parts))


def to_data(edf: Edf) -> dict[str, Any]:
    """The EDF as plain data, without the keys that say nothing."""
    data = {k: list(v) if isinstance(v, tuple) else v for k, v in edf.values().items()}
    return {k: v for k, v in {**data, **edf.other}.items() if v not in (None, [], {})}


def _printable(line: str) -> str:
    return "".join(c if " " <= c <= "~" else "?" for c in line)
