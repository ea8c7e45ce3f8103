"""Typed records: what a file or an answer must hold, checked once. All that knows msgspec's errors.

A record is a frozen struct whose annotations are the format; ``fit`` makes one of plain values
(dicts, lists, texts, numbers) and says where a value is wrong and what must stand there instead.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

import msgspec
from msgspec import Meta, Struct, field, inspect
from msgspec.structs import replace

__all__ = [
    "JSON",
    "PYTHON",
    "TOML",
    "Meta",  # Annotated[int, Meta(ge=1, description="what a message says of it")]
    "Misfit",
    "Struct",
    "field",
    "fit",
    "names",
    "plain",
    "replace",
    "without_nulls",
]

T = TypeVar("T")

TOML = {"sequence": "an array", "mapping": "a table", "null": ""}
PYTHON = {"sequence": "a list", "mapping": "a dict", "null": ""}
JSON = {"sequence": "a list", "mapping": "an object", "null": " or null"}

_PLACE = re.compile(r" - at `\$(.*)`$")
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]|\[\.\.\.\]")
_KEY = re.compile(r"missing required field `(.+?)`|contains unknown field `(.+?)`")
_SIMPLE = {
    inspect.StrType: "a string",
    inspect.IntType: "a whole number",
    inspect.FloatType: "a number",
    inspect.BoolType: "true or false",
}
_MAPPINGS = (inspect.DictType, inspect.StructType)


class Misfit(ValueError):
    """A value that a record cannot hold: its ``place``, what is ``wanted``, what was ``found``."""

    def __init__(self, place: str, wanted: str, found: object) -> None:
        super().__init__(f"{place or 'the whole'} must be {wanted}, not {found!r}")
        self.place, self.wanted, self.found = place, wanted, found


def fit(kind: type[T], value: Any, words: Mapping[str, str] = JSON) -> T:
    """Make a record of plain values. Raises Misfit in the words of the format they came from."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise _misfit(str(error), inspect.type_info(kind), value, words) from None
    except UnicodeEncodeError:  # JSON can say half a character, where a number belongs
        raise Misfit("", "text that can be written", "half a character") from None


def plain(record: Any) -> Any:
    """A record as dicts, lists, texts and numbers."""
    return msgspec.to_builtins(record)


def without_nulls(kind: type[Struct], value: Any) -> Any:
    """A JSON object with empty texts for nulls, where the record has a text that may be empty."""
    if not isinstance(value, dict):
        return value
    answer = dict(value)
    for name, held in _types(kind).items():
        if name not in answer:
            continue
        if held is str and answer[name] is None:
            answer[name] = ""
        elif isinstance(held, type) and issubclass(held, Struct):
            answer[name] = without_nulls(held, answer[name])
    return answer


@cache
def _types(kind: type[Struct]) -> dict[str, Any]:
    return {one.encode_name: one.type for one in msgspec.structs.fields(kind)}


def names(kind: type[Struct]) -> tuple[str, ...]:
    """The keys of a record, in their order."""
    return kind.__struct_fields__


def _misfit(told: str, kind: inspect.Type, value: Any, words: Mapping[str, str]) -> Misfit:
    """msgspec's message taken apart: the place, and from there the type and the value."""
    spelt = ""
    for key, index in _steps(told):
        bare = _bare(kind)
        spelt += f".{key}" if key else f"[{index}]"
        if not key:
            kind, value = _item(bare), value[int(index)]
            continue
        assert isinstance(bare, inspect.StructType)
        fields = {one.encode_name: one.type for one in bare.fields}
        value = value.get(key)
        if key not in fields:
            return Misfit(spelt.removeprefix("."), "left out", value)
        kind = fields[key]
    return Misfit(spelt.removeprefix("."), _spoken(kind, words), value)


def _steps(told: str) -> list[tuple[str, str]]:
    """The way to the wrong key, as (key, "") and ("", index); inside a list or table to that."""
    found = _PLACE.search(told)
    steps = [(one[1] or "", one[2] or "") for one in _STEP.finditer(found[1] if found else "")]
    if ("", "") in steps:  # in a table with keys of the user's own
        steps = steps[: steps.index(("", ""))]
    if key := _KEY.search(told):
        return [*steps, (key[1] or key[2], "")]
    while steps and not steps[-1][0]:
        steps.pop()
    return steps


def _bare(kind: inspect.Type) -> inspect.Type:
    """A type without the null that may stand for it, and without its description."""
    while isinstance(kind, (inspect.Metadata, inspect.UnionType)):
        if isinstance(kind, inspect.Metadata):
            kind = kind.type
        else:
            kind = next(one for one in kind.types if not isinstance(one, inspect.NoneType))
    return kind


def _item(kind: inspect.Type) -> inspect.Type:
    assert isinstance(kind, (inspect.ListType, inspect.VarTupleType))
    return kind.item_type


def _spoken(kind: inspect.Type, words: Mapping[str, str]) -> str:
    """What must stand there, in words."""
    if isinstance(kind, inspect.UnionType):
        null = any(isinstance(one, inspect.NoneType) for one in kind.types)
        rest = next(one for one in kind.types if not isinstance(one, inspect.NoneType))
        return _spoken(rest, words) + (words["null"] if null else "")
    if isinstance(kind, inspect.Metadata):
        described = (kind.extra_json_schema or {}).get("description")
        return str(described) if described else _spoken(kind.type, words)
    if isinstance(kind, inspect.LiteralType):
        *others, last = (str(value) for value in kind.values)
        return f"{', '.join(others)} or {last}"
    if isinstance(kind, (inspect.ListType, inspect.VarTupleType)):
        return words["sequence"] + _items(kind.item_type, words)
    if isinstance(kind, inspect.DictType):
        return words["mapping"] + _items(kind.value_type, words)
    return _SIMPLE.get(type(kind), words["mapping"])


def _items(kind: inspect.Type, words: Mapping[str, str]) -> str:
    """What a list, or a table, holds."""
    if isinstance(kind, inspect.StructType):
        return f" of {words['mapping'].split()[-1]}s"
    return " of strings" if isinstance(kind, inspect.StrType) else ""
