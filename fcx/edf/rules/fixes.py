"""The words of fixes that can be followed to the letter, each kind in one form."""

from __future__ import annotations

from typing import Any

from ..index import Index
from ..toml import Path, key, quoted, value

OUT = "take it out"
UP = "move the line up, above the first [table] of the file"


def line(name: str, data: Any) -> str:
    """Write a value anew where its key stands."""
    return f"write {key(name)} = {value(data)}"


def item(text: str) -> str:
    """Write a string anew."""
    return f"write {quoted(text)}"


def instead(new: str, old: str) -> str:
    """Replace a part of a string."""
    return f"write {new} in place of {old}"


def top(name: str, data: Any) -> str:
    """Give the file a key that it does not have, or has with another value."""
    return f"{line(name, data)} above the first [table]"


def below(index: Index, table: str, name: str, text: str) -> str:
    """Give ``[env]`` or ``[annotations]`` an entry, spelt as the table's layout asks for."""
    path: Path = (table, *(name.split(".") if table == "annotations" else [name]))
    holders = [head for head in index.headers if path[: len(head)] == head]
    if holders:
        holder = max(holders, key=len)
        return f"write {_dotted(path[len(holder) :])} = {quoted(text)} below [{_dotted(holder)}]"
    if (table,) in index.values:
        return f"write {_dotted(path[1:])} = {quoted(text)} into the braces of {table}"
    if any(other[0] == table for other in index.values):
        return f"write {_dotted(path)} = {quoted(text)} above the first [table]"
    return f"write {_dotted(path[1:])} = {quoted(text)} below [{table}]"


def move(table: str) -> str:
    """Move a line into a table."""
    return f"move it below [{table}]"


def renamed(name: str) -> str:
    """Another name for a key, as it is to be spelt at its place."""
    return f"write {name} in place of the key"


def header(path: Path) -> str:
    """Write a table's header anew."""
    return f"write [{_dotted(path)}] as the table's header"


def meant(name: str) -> str:
    """A name that was misspelt."""
    return f"did you mean {name}?"


def _dotted(path: Path) -> str:
    return ".".join(key(str(part)) for part in path)
