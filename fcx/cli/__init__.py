"""The command line: the only place that prints or exits.

A file per verb, imported only when that verb is called, so that ``fcx --help`` stays quick and a
missing extra hurts only the verb that needs it.
"""

from __future__ import annotations

import json
import sys
from difflib import get_close_matches
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from .. import __version__
from ..errors import FcxError
from .options import Reply

VERBS = {
    "demo": "Run the five-line example on a cluster of this machine's own.",
    "init": "Lay out fcx.toml, containers/ and edf/ in this folder.",
    "doctor": "Say what is wrong, here, on the way or on the cluster, and how to fix it.",
    "up": "Build, ship, write the EDF, preflight: whatever of it is not done yet.",
    "image": "Build, inspect, run, push, pack and ship the one image.",
    "lock": "Write the image's releases back into containers/, for later builds.",
    "env": "Make or repair a virtual environment that equals the image.",
    "edf": "Write, check and render the EDF for `srun --environment`.",
    "preflight": "Prove that the remote side is the environment of the client.",
    "runs": "Runs whose process is gone: list, show, attach, cancel, clean.",
    "local": "A FirecREST v2 cluster on this machine.",
}


class LazyVerbs(TyperGroup):
    """Finds ``fcx.cli.<verb>:app`` when the verb is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The verbs in the order in which a user meets them."""
        return list(VERBS)

    def get_command(self, ctx: Any, name: str) -> Any:
        """Import the verb's module; None for an unknown verb."""
        if name not in VERBS:
            return None
        command = typer.main.get_command(import_module(f"{__name__}.{name}").app)
        command.name = name
        return command

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the verb, or say which one may have been meant: it was not imported to be known."""
        if args[0] not in VERBS and (near := get_close_matches(args[0], VERBS, 1)):
            ctx.fail(f"No such command '{args[0]}'. Did you mean '{near[0]}'?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List the verbs without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


app = typer.Typer(
    cls=LazyVerbs,
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Python functions on a supercomputer, in the image you have at hand.",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"fcx {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which fcx.")
    ] = False,
) -> None:
    """Python functions on a supercomputer, in the image you have at hand."""


def main() -> None:
    """Entry point: an FcxError becomes its message and its exit code."""
    reply = Reply()
    try:
        app(obj=reply)
    except FcxError as error:
        if reply.as_json:
            said = {"kind": type(error).__name__, "message": str(error)}
            said |= {"step": reply.during} if reply.during else {}
            whole = {"error": {**said, "exit_code": error.exit_code}, **reply.more}
            typer.echo(json.dumps(whole, indent=2))
        step = f"{reply.during}: " if reply.during else ""
        typer.echo(f"fcx: {step}{error}", err=True)
        sys.exit(error.exit_code)
