"""What the API takes and gives, as api.toml has it, in the form that openapi.py reads a document."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from conformance.plain import choice, sorted_fields

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FILE = Path(__file__).with_name("api.toml")
SPLIT = re.compile(r"\s*\|\s*(?![^\[]*\])")  # a bar that is in no brackets


class Contract:
    """The requests, by method and path, and the shapes that they speak of."""

    def __init__(self, path: Path = FILE) -> None:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        self._shapes: dict[str, dict[str, str]] = content["shapes"]
        self._requests: dict[tuple[str, str], dict[str, Any]] = {
            _method_and_path(name): request for name, request in content["requests"].items()
        }

    @property
    def requests(self) -> list[tuple[str, str]]:
        """Method and path of each."""
        return list(self._requests)

    def parameters(self, method: str, path: str) -> dict[tuple[str, str], Any]:
        """Place and name of each parameter: whether it is required, and its plain form."""
        places = {("path", name): (True, "string") for name in re.findall(r"{(\w+)}", path)}
        query = self._requests[method, path].get("query", {})
        return places | {
            ("query", name.rstrip("?")): (not name.endswith("?"), self.plain(kind))
            for name, kind in query.items()
        }

    def body(self, method: str, path: str) -> dict[str, Any]:
        """The request's body by media type, in plain form."""
        request = self._requests[method, path]
        if "body" not in request:
            return {}
        return {request.get("media", "application/json"): self.plain(request["body"])}

    def answer(self, method: str, path: str) -> tuple[str, Any]:
        """Status and plain form of the answer when all goes well."""
        request = self._requests[method, path]
        return str(request["status"]), self.plain(request.get("answer", "anything"))

    def plain(self, kind: str) -> Any:
        """The plain form of a type as api.toml writes it."""
        parts = SPLIT.split(kind)
        words = [part.strip("'") for part in parts if part.startswith("'")]
        forms: list[Any] = [sorted(words)] if words else []
        forms += [self._single(part) for part in parts if not part.startswith("'")]
        return forms[0] if len(forms) == 1 else choice(forms)

    def _single(self, part: str) -> Any:
        if part.startswith("["):
            return {"array of": self.plain(part[1:-1])}
        if part[0].isupper():
            return sorted_fields(
                {name: self.plain(kind) for name, kind in self._shapes[part].items()}
            )
        return part


def _method_and_path(name: str) -> tuple[str, str]:
    method, path = name.split()
    return method.lower(), path
