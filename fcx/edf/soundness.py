"""Values of wrong types: told of, and left out so that the rest of the file can be checked."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from .rules.context import ERROR, Hit
from .rules.fixes import UP, line, move
from .schema import ARRAYS, KEYS, STRINGS, SWITCHES, wrong_types
from .toml import Path


def sound_part(data: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any], list[Hit]]:
    """The data with None for each value of a wrong type, the data without them, and the hits."""
    wrong, hits = list(wrong_types(data)), []
    sound = deepcopy(data) if wrong else data
    for path, message in wrong:
        why = "the engines refuse the file, or ignore the key"
        hits.append(Hit(path, "wrong-type", ERROR, message, why, _fix(path, data)))
        _discard(sound, path)
    return sound, _without_gaps(sound), hits


def _discard(data: Any, path: Path) -> None:
    *parents, last = path
    for part in parents:
        data = data[part]
    if isinstance(data, list) and isinstance(last, int):
        data[last] = None  # keeps the numbers of the others
    elif last in STRINGS and not parents:
        data[last] = None  # it is said, if not as it should be
    else:
        data.pop(last, None)


def _without_gaps(data: Mapping[str, Any]) -> dict[str, Any]:
    whole = {name: value for name, value in data.items() if value is not None}
    lists = {name: value for name, value in whole.items() if isinstance(value, list)}
    return whole | {name: [i for i in items if i is not None] for name, items in lists.items()}


def _fix(path: Path, data: Mapping[str, Any]) -> str:
    name, value = str(path[0]), data[str(path[0])]
    if name in SWITCHES:
        on = str(value).lower() not in ("false", "no", "off", "0", "")
        return f"{line(name, on)}, without quotes"
    if name in ARRAYS and isinstance(value, str):
        return line(name, [value])
    if name in ("env", "annotations") and isinstance(value, dict) and len(path) > 1:
        return _fix_entry(path, value)
    if name in ("env", "annotations"):
        return f'write it as a table: [{name}], and below it name = "value" on lines of their own'
    return "put the value in quotes"


def _fix_entry(path: Path, table: Mapping[str, Any]) -> str:
    """Of a table or an array where ``[env]`` and ``[annotations]`` hold strings."""
    found: Any = table
    for part in path[1:]:
        found = found[part]
    last = str(path[-1])
    if last in KEYS:
        return UP
    if path[0] == "env" and last in ("com", "hooks"):
        return move("annotations")
    if isinstance(found, list) and len(found) == 1 and isinstance(found[0], (str, int, float)):
        return line(last, str(found[0]))
    return f"write one string, as in {line(last, '...')}"
