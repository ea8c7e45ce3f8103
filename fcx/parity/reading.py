"""JSON of this room: read into records, written for people; what is damaged or newer is refused."""

from __future__ import annotations

import json
from typing import Any, TypeVar

from ..errors import ManifestError
from ..records import Misfit, Struct, fit, plain, without_nulls

SCHEMA = 1
"""Of snapshots, verdicts and remembered remote sides alike; a manifest has its own."""

T = TypeVar("T", bound=Struct)


def parse(text: str | bytes, where: str, remedy: str) -> Any:
    """The JSON value of a text; ``where`` names it in errors. Raises ManifestError."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"{where} is not JSON: {error}. {remedy}") from error


def read(kind: type[T], values: Any, where: str, newest: int = SCHEMA) -> T:
    """A record, its schema checked first: words of a newer fcx may mean something else."""
    if not isinstance(values, dict):
        raise ManifestError(f"{where} is not a JSON object; make it again.")
    schema = values.get("schema")
    if not isinstance(schema, int) or isinstance(schema, bool) or schema < 1:
        raise damaged(where, Misfit("schema", "a whole number", schema))
    if schema > newest:
        raise ManifestError(
            f"{where} has schema {schema}, this fcx knows {newest}. Upgrade fcx, or make it again "
            "with this one."
        )
    try:
        return fit(kind, without_nulls(kind, values))
    except Misfit as misfit:
        raise damaged(where, misfit) from None


def damaged(where: str, misfit: Misfit) -> ManifestError:
    """The error for one value that is not what it must be."""
    return ManifestError(
        f"{where}: {misfit}. The file is damaged or was edited by hand; make it again with "
        "`fcx image build` or `fcx preflight --adopt`."
    )


def render(record: Struct, **more: object) -> str:
    """Indented JSON with sorted keys, so that versions of it can be compared line by line."""
    values = {"schema": SCHEMA, **plain(record), **more}
    return json.dumps(values, indent=2, sort_keys=True) + "\n"
