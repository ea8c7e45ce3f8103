"""Keys that engines do not know, or see in another place; values that are no strings."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import Any

from ..schema import KEYS, leaves
from .context import ERROR, WARNING, Context, Hit


def keys(context: Context) -> Iterator[Hit]:
    """Unknown and misspelt keys, keys of one engine only, keys that slid into a table."""
    for name in context.data:
        if name == "devices" and context.dialect != "sarus":
            what, why = "devices is a key of the Sarus suite", "the CE does not know it"
            fix = "leave it out for `srun --environment`, or check with --dialect sarus"
            yield Hit((name,), "sarus-key", WARNING, what, why, fix)
        elif name not in KEYS:
            yield _unknown_key(name, context.data[name])
    for table in ("env", "annotations"):
        for name in context.data.get(table, {}):
            if name in KEYS:
                what = f"{name} stands below [{table}]"
                why = f"so it belongs to that table, and the engine sees no {name}"
                fix = "move the line up, above the first [table] of the file"
                yield Hit((table, name), "key-in-table", WARNING, what, why, fix)


def _unknown_key(name: str, value: Any) -> Hit:
    near = difflib.get_close_matches(name.lower(), KEYS, 1)
    why = "engines ignore a key that they do not know, without a word"
    if near:
        return Hit(
            (name,), "unknown-key", WARNING, f"unknown key {name}", why, f"did you mean {near[0]}?"
        )
    if isinstance(value, str) and re.fullmatch(r"[A-Z][A-Z0-9_]*", name):
        fix = "if it is an environment variable, move it below [env]"
    else:
        fix = f"known keys: {', '.join(KEYS)}"
    return Hit((name,), "unknown-key", WARNING, f"unknown key {name}", why, fix)


def scalars(context: Context) -> Iterator[Hit]:
    """Numbers and booleans where strings belong."""
    for table in ("env", "annotations"):
        for path, value in leaves(context.data.get(table, {})):
            if not isinstance(value, str):
                name = ".".join(path)
                text = str(value).lower() if isinstance(value, bool) else str(value)
                what = f"[{table}] {name} is not a string"
                why = "the documentation asks for strings; Sarus refuses anything else in [env]"
                refused = table == "env" and context.dialect == "sarus"
                severity = ERROR if refused else WARNING
                fix = f'write {path[-1]} = "{text}"'
                yield Hit((table, *path), "not-a-string", severity, what, why, fix)
