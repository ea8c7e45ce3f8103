"""Plain forms: what a value may be, in a form that can be compared and checked.

A form is a type's name (`string`, `null`, ..., `anything`), a list of the words that are allowed,
`{"array of": form}`, `{"any of": [forms]}`, or fields by name, with `?` after those that may be
absent.
"""

from __future__ import annotations

from typing import Any

TYPES = {"string": str, "boolean": bool, "object": dict, "array": list}


def choice(forms: list[Any]) -> dict[str, Any]:
    """Any of some forms; choices among them count as their own, and each counts once."""
    flat: list[Any] = []
    for form in forms:
        inner = form["any of"] if isinstance(form, dict) and "any of" in form else [form]
        flat += [one for one in inner if one not in flat]
    return {"any of": sorted(flat, key=repr)}


def sorted_fields(fields: dict[str, Any]) -> dict[str, Any]:
    """Fields in the order of their names, so that equal forms look alike."""
    return dict(sorted(fields.items()))


def violations(form: Any, value: Any, where: str = "answer") -> list[str]:
    """What of a value the form does not allow; fields that it does not know count."""
    if isinstance(form, list):
        return [] if value in form else [f"{where}: {value!r} is none of {form}"]
    if isinstance(form, str):
        return [] if _is(form, value) else [f"{where}: {value!r} is no {form}"]
    if "any of" in form:
        return min((violations(one, value, where) for one in form["any of"]), key=len)
    if "array of" in form:
        if not isinstance(value, list):
            return [f"{where}: {value!r} is no array"]
        return [
            wrong
            for position, inner in enumerate(value)
            for wrong in violations(form["array of"], inner, f"{where}[{position}]")
        ]
    return _field_violations(form, value, where)


def _field_violations(fields: dict[str, Any], value: Any, where: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{where}: {value!r} is no object"]
    known = {name.rstrip("?"): form for name, form in fields.items()}
    wrong = [f"{where}: lacks {name}" for name in fields if name.rstrip("?") == name not in value]
    wrong += [f"{where}: {name} is unknown" for name in value if name not in known]
    for name in value.keys() & known.keys():
        wrong += violations(known[name], value[name], f"{where}.{name}")
    return wrong


def _is(kind: str, value: Any) -> bool:
    if kind == "anything":
        return True
    if kind == "null":
        return value is None
    if kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, TYPES[kind])
