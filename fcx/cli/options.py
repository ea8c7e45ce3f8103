"""Options that verbs share, and how the caller wants to be answered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

import typer


@dataclass
class Reply:
    """Made for one command line; a verb's ``--json`` says here that its errors are JSON too.

    ``during``: the step of a verb that is under way; ``more``: what was done before an error.
    """

    as_json: bool = False
    during: str = ""
    more: dict[str, Any] = field(default_factory=dict)


def _remember(context: typer.Context, value: bool) -> bool:
    if value and isinstance(context.obj, Reply):
        context.obj.as_json = True
    return value


JsonOption = Annotated[
    bool,
    typer.Option(
        "--json",
        callback=_remember,
        is_eager=True,
        help="the result, or the error, as JSON on standard output",
    ),
]
