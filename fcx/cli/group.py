"""A group of verbs: its help says in whole sentences what each does, and it guesses."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from typer.core import TyperGroup

WHOLE = 1000  # characters that no first sentence has


class Verbs(TyperGroup):
    """Its library would cut what does not fit into one line, and not in all versions guess."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the verb, or say which one may have been meant."""
        known = self.list_commands(ctx)
        if args[0] not in known:
            near = list(_elsewhere(ctx, args[0])) or get_close_matches(args[0], known, 2)
            meant = " or ".join(f"'{verb}'" for verb in near)
            guess = f" Did you mean {meant}?" if meant else ""
            ctx.fail(f"No such command '{args[0]}'.{guess}")
        return super().resolve_command(ctx, args)

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


def _elsewhere(ctx: Any, verb: str) -> Iterator[str]:
    """Where else there is a verb of this name: `fcx image ship` for `fcx ship`."""
    root = ctx.find_root()
    for name in root.command.list_commands(root):
        if name == verb:
            yield f"fcx {name}"
        command = root.command.get_command(root, name)
        if isinstance(command, Verbs) and verb in command.list_commands(ctx):
            yield f"fcx {name} {verb}"
