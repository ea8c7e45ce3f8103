"""Reading an OpenAPI document: what each call takes and gives, in a form that can be compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

NAMES = {"string": str, "boolean": bool, "object": dict, "array": list}


def operations(path: Path) -> list[tuple[str, str]]:
    """Method and path of each call in a document (none where the file is not there)."""
    if not path.is_file():
        return []
    paths = json.loads(path.read_text(encoding="utf-8"))["paths"]
    return [(method, route) for route, item in paths.items() for method in item]


class Document:
    """An OpenAPI document, with its references followed."""

    def __init__(self, text: dict[str, Any]) -> None:
        self.text = text

    def call(self, method: str, path: str) -> dict[str, Any]:
        """One call's description."""
        return self.text["paths"].get(path, {}).get(method, {})

    def parameters(self, method: str, path: str) -> dict[tuple[str, str], Any]:
        """Place and name of each parameter: whether it is required, and its plain form."""
        return {
            (entry["in"], entry["name"]): (
                bool(entry.get("required")),
                self.plain(entry["schema"]),
            )
            for entry in self.call(method, path).get("parameters", [])
        }

    def body(self, method: str, path: str) -> dict[str, Any]:
        """The request's body by media type, in plain form."""
        content = self.call(method, path).get("requestBody", {}).get("content", {})
        return {kind: self.plain(entry.get("schema", {})) for kind, entry in content.items()}

    def success(self, method: str, path: str) -> tuple[str, dict[str, Any]]:
        """Status and schema of the answer when all goes well."""
        responses = self.call(method, path)["responses"]
        (status,) = [code for code in responses if code.startswith("2")]
        content = responses[status].get("content", {})
        return status, content.get("application/json", {}).get("schema", {})

    def answer(self, method: str, path: str) -> tuple[str, Any]:
        """The same, in plain form."""
        status, schema = self.success(method, path)
        return status, self.plain(schema)

    def plain(self, schema: dict[str, Any]) -> Any:
        """A schema without titles, descriptions and references: types, fields, what is required."""
        schema = self.follow(schema)
        if choices := schema.get("anyOf") or schema.get("oneOf"):
            return {"any of": sorted(self._forms(choices), key=repr)}
        if "enum" in schema:
            return sorted(schema["enum"])
        if "const" in schema:
            return [schema["const"]]
        if schema.get("type") == "array":
            return {"array of": self.plain(schema.get("items", {}))}
        if "properties" in schema:
            required = set(schema.get("required", []))
            return {
                name + ("" if name in required else "?"): self.plain(inner)
                for name, inner in schema["properties"].items()
            }
        return schema.get("type", "anything")

    def _forms(self, choices: list[dict[str, Any]]) -> list[Any]:
        """The different plain forms of some choices; choices among them count as their own."""
        forms: list[Any] = []
        for choice in choices:
            form = self.plain(choice)
            inner = form["any of"] if isinstance(form, dict) and "any of" in form else [form]
            forms += [one for one in inner if one not in forms]
        return forms

    def follow(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The schema that a reference means."""
        while "$ref" in schema:
            schema = self.text["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        return schema

    def violations(self, schema: dict[str, Any], value: Any, where: str = "answer") -> list[str]:
        """What of a value the schema does not allow; fields that it does not know count."""
        schema = self.follow(schema)
        if choices := schema.get("anyOf") or schema.get("oneOf"):
            found = [self.violations(choice, value, where) for choice in choices]
            return min(found, key=len)
        if "enum" in schema and value not in schema["enum"]:
            return [f"{where}: {value!r} is none of {schema['enum']}"]
        kind = schema.get("type")
        if kind and not _is(kind, value):
            return [f"{where}: {value!r} is no {kind}"]
        if kind == "array":
            items = schema.get("items", {})
            return [
                wrong
                for position, inner in enumerate(value)
                for wrong in self.violations(items, inner, f"{where}[{position}]")
            ]
        if kind == "object" and "properties" in schema:
            return self._field_violations(schema, value, where)
        return []

    def _field_violations(self, schema: dict[str, Any], value: Any, where: str) -> list[str]:
        fields = schema["properties"]
        wrong = [
            f"{where}: lacks {name}" for name in schema.get("required", []) if name not in value
        ]
        wrong += [f"{where}: {name} is unknown" for name in value if name not in fields]
        for name in value.keys() & fields.keys():
            wrong += self.violations(fields[name], value[name], f"{where}.{name}")
        return wrong


def _is(kind: str, value: Any) -> bool:
    if kind == "null":
        return value is None
    if kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, NAMES[kind])
