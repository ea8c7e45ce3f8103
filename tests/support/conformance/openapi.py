"""Reading an OpenAPI document: what each request takes and gives, in plain form (plain.py)."""

from __future__ import annotations

from typing import Any

from conformance.plain import choice, sorted_fields


class Document:
    """An OpenAPI document, with its references followed."""

    def __init__(self, text: dict[str, Any]) -> None:
        self.text = text

    @property
    def requests(self) -> list[tuple[str, str]]:
        """Method and path of each request."""
        return [(method, path) for path, item in self.text["paths"].items() for method in item]

    def _request(self, method: str, path: str) -> dict[str, Any]:
        return self.text["paths"].get(path, {}).get(method, {})

    def parameters(self, method: str, path: str) -> dict[tuple[str, str], Any]:
        """Place and name of each parameter: whether it is required, and its plain form."""
        return {
            (entry["in"], entry["name"]): (
                bool(entry.get("required")),
                self.plain(entry["schema"]),
            )
            for entry in self._request(method, path).get("parameters", [])
        }

    def body(self, method: str, path: str) -> dict[str, Any]:
        """The request's body by media type, in plain form."""
        content = self._request(method, path).get("requestBody", {}).get("content", {})
        return {kind: self.plain(entry.get("schema", {})) for kind, entry in content.items()}

    def answer(self, method: str, path: str) -> tuple[str, Any]:
        """Status and plain form of the answer when all goes well."""
        responses = self._request(method, path)["responses"]
        (status,) = [code for code in responses if code.startswith("2")]
        content = responses[status].get("content", {})
        return status, self.plain(content.get("application/json", {}).get("schema", {}))

    def plain(self, schema: dict[str, Any]) -> Any:
        """A schema without titles, descriptions and references."""
        schema = self._followed(schema)
        if choices := schema.get("anyOf") or schema.get("oneOf"):
            return choice([self.plain(one) for one in choices])
        if "enum" in schema:
            return sorted(schema["enum"])
        if "const" in schema:
            return [schema["const"]]
        if schema.get("type") == "array":
            return {"array of": self.plain(schema.get("items", {}))}
        if "properties" in schema:
            required = set(schema.get("required", []))
            return sorted_fields(
                {
                    name + ("" if name in required else "?"): self.plain(inner)
                    for name, inner in schema["properties"].items()
                }
            )
        return schema.get("type", "anything")

    def _followed(self, schema: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in schema:
            schema = self.text["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        return schema
