"""Comparing an answer with a recorded one: the same keys and types, whatever the values."""

from __future__ import annotations

import json
import re
from typing import Any


def shape(value: Any) -> Any:
    """A value's types: dicts keep their keys, lists the shapes that occur in them."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        kinds: list[Any] = []
        for inner in value:
            if (kind := shape(inner)) not in kinds:
                kinds.append(kind)
        return kinds
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, (int, float)):
        return "number"
    return "null" if value is None else type(value).__name__


def differences(wanted: Any, found: Any, where: str = "answer", *, cut: bool = False) -> list[str]:
    """What of `found` has another shape than `wanted`.

    A null on either side fits anything: the recorded server leaves out what it does not know. With
    `cut`, `wanted` was cut short when it was recorded: what follows the cut can't be compared.
    """
    if wanted is None or found is None:
        return []
    if isinstance(wanted, dict) and isinstance(found, dict):
        wrong = [f"{where}: lacks {key}" for key in wanted if key not in found]
        if not cut:
            wrong += [f"{where}: has {key}, unlike the record" for key in found.keys() - wanted]
        for key in wanted.keys() & found.keys():
            wrong += differences(wanted[key], found[key], f"{where}.{key}", cut=cut)
        return wrong
    if isinstance(wanted, list) and isinstance(found, list):
        return _list_differences(wanted, found, where, cut=cut)
    if shape(wanted) != shape(found):
        return [f"{where}: {shape(found)} instead of {shape(wanted)}"]
    return []


def _list_differences(wanted: list[Any], found: list[Any], where: str, *, cut: bool) -> list[str]:
    """Each element must be like one that was recorded."""
    wrong = []
    for position, inner in enumerate(found if wanted else []):
        candidates = [differences(w, inner, f"{where}[{position}]", cut=cut) for w in wanted]
        wrong += min(candidates, key=len)
    return wrong


def parse(text: str) -> tuple[Any, bool]:
    """JSON that may have been cut short when it was recorded: what is whole of it, and if cut.

    A cut record ends in the middle or in `...[LENGTH]`.
    """
    text = re.sub(r"\.\.\.\[\d+\]$", "", text)
    try:
        return json.loads(text), False
    except ValueError:
        return json.loads(_closed(text)), True


def _closed(text: str) -> str:
    """The text up to its last whole element, with the open brackets closed."""
    stack: list[str] = []
    best = ""
    in_string = escaped = False
    for position, char in enumerate(text):
        if in_string:
            in_string = escaped or char != '"'
            escaped = char == "\\" and not escaped
        elif char == '"':
            in_string = True
        elif char in "[{":
            stack.append("]" if char == "[" else "}")
        elif char in "]}":
            stack.pop()
        elif char == ",":
            best = text[:position] + "".join(reversed(stack))
    return best
