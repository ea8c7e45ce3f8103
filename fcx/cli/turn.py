"""Commands that change the files of one image take turns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from ..config import Settings


def take_turn(context: typer.Context, settings: Settings, name: str = "") -> None:
    """Wait until no other command is at that image, else the project's, and keep others waiting.

    Two that build at once would judge each other's manifest. Ends with the command.
    """
    from ..files import EDF_FOLDER, plain_name
    from ..state.turn import turn

    image = plain_name(name or settings.image.name)
    path = settings.root / EDF_FOLDER / f".{image}.lock"

    def wait() -> None:
        typer.echo(f"Waiting for another fcx that is at {image} (it holds {path})", err=True)

    context.with_resource(turn(path, wait))
