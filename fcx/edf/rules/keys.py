"""Keys that engines do not know, or see in another place; values that are no strings."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import Any

from ..schema import KEYS, leaves
from ..toml import Path
from . import fixes
from .context import ERROR, NOTE, WARNING, Context, Hit

_VARIABLE_NAME = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")
_TABLES = {
    **dict.fromkeys(("environment", "environ", "variables", "vars"), "env"),
    **dict.fromkeys(("annotation", "labels"), "annotations"),
}
_OF_STRINGS = {
    "env": "Sarus refuses anything else in [env]",
    "annotations": "a hook compares the text of its switch with the word true",
}
_UNKNOWN = "engines ignore a key that they do not know, without a word"


def keys(context: Context) -> Iterator[Hit]:
    """Unknown and misspelt keys, and keys of one engine only."""
    for name, value in context.data.items():
        if name == "devices" and not context.sarus:
            what, why = "devices is a key of the Sarus suite", "the CE does not know it"
            fix = f"{fixes.OUT} for `srun --environment`, or check with --dialect sarus"
            yield Hit((name,), "sarus-key", WARNING, what, why, fix)
        elif name in ("com", "hooks") and isinstance(value, dict):
            yield from _annotations_outside(context, name, value)
        elif name not in KEYS:
            yield _unknown_key(name, value)


def _unknown_key(name: str, value: Any) -> Hit:
    near = difflib.get_close_matches(name.lower(), KEYS, 1)
    if isinstance(value, dict):
        near = [_TABLES.get(name.lower(), "")]
        near = near if near[0] else difflib.get_close_matches(name.lower(), _TABLES.values(), 1)
    if near:
        fix = fixes.meant(near[0])
    elif isinstance(value, str) and _VARIABLE_NAME.fullmatch(name):
        fix = f"if it is an environment variable, {fixes.move('env')}; else {fixes.OUT}"
    else:
        fix = f"{fixes.OUT}; known keys: {', '.join(KEYS)}"
    return Hit((name,), "unknown-key", WARNING, f"unknown key {name}", _UNKNOWN, fix)


def _annotations_outside(context: Context, name: str, table: dict[str, Any]) -> Iterator[Hit]:
    """Hooks at the top level, where no engine looks for them."""
    prefix: Path = () if name == "com" else ("com",)
    done = set()
    for path, _ in leaves({name: table}):
        heads = [head for head in context.index.headers if path[: len(head)] == head]
        place = max(heads, key=len, default=path)
        if place in done:
            continue
        done.add(place)
        what = f"{'.'.join(map(str, place))} stands outside [annotations]"
        if heads:
            fix = fixes.header(("annotations", *prefix, *place))
        elif prefix:
            fix = f"{fixes.meant('com.' + '.'.join(path))} If so, {fixes.move('annotations')}"
        else:
            fix = fixes.move("annotations")
        yield Hit(place, "annotation-outside", WARNING, what, _UNKNOWN, fix)


def belongs_elsewhere(name: str) -> bool:
    """Whether the last part of an annotation is a key of the EDF, or looks like a variable."""
    return name in KEYS or bool(_VARIABLE_NAME.fullmatch(name) and len(name) > 1)


def misplaced(context: Context) -> Iterator[Hit]:
    """Keys that slid into a table, variables among the annotations and the other way round."""
    for table in ("env", "annotations"):
        for path, _ in leaves(context.data.get(table, {})):
            name = path[-1]
            if name in KEYS and (len(path) == 1 or table == "annotations"):
                what = f"{name} stands below [{table}]"
                why = f"so it belongs to that table, and the engine sees no {name}"
                fix = f"{fixes.OUT}, it is given above" if name in context.data else fixes.UP
                yield Hit((table, *path), "key-in-table", WARNING, what, why, fix)
            elif table == "annotations" and belongs_elsewhere(name):
                what = f"{name} looks like an environment variable, and stands below [annotations]"
                why, fix = "no process is given an annotation", fixes.move("env")
                yield Hit((table, *path), "variable-in-annotations", WARNING, what, why, fix)


def scalars(context: Context) -> Iterator[Hit]:
    """Numbers and booleans where strings belong."""
    for table in ("env",) if context.sarus else ("env", "annotations"):
        for path, value in leaves(context.data.get(table, {})):
            if not isinstance(value, str):
                name = ".".join(path)
                text = str(value).lower() if isinstance(value, bool) else str(value)
                what = f"[{table}] {name} is not a string"
                why = f"the documentation asks for strings; {_OF_STRINGS[table]}"
                severity = ERROR if context.sarus else WARNING
                severity = NOTE if table == "annotations" else severity
                fix = f'write {context.index.spelt((table, *path))} = "{text}"'
                yield Hit((table, *path), "not-a-string", severity, what, why, fix)
