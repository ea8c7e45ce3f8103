"""A group of verbs whose help says what each does in whole sentences."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

WHOLE = 1000  # characters that no first sentence has


class Verbs(TyperGroup):
    """Its library would cut what does not fit into one line."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List the verbs; long lines are broken."""
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [
            (name, command.get_short_help_str(WHOLE))
            for name, command in found
            if command is not None and not command.hidden
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)
