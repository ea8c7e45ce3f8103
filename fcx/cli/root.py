"""The verbs together: found when they are called, and their errors as text and as JSON."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from importlib import import_module
from typing import Annotated, Any

import typer

from .. import __version__
from ..errors import FcxError
from . import HELP, VERBS
from .group import Verbs
from .options import Reply
from .phases import show_everything
from .streams import complain

Misused: Any = typer.BadParameter.__mro__[2]
"""What typer raises for a command line that is wrong; it gives it no name of its own."""


class LazyVerbs(Verbs):
    """Finds ``fcx.cli.<verb>:app`` when the verb is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The verbs in the order in which a user meets them."""
        return list(VERBS)

    def get_command(self, ctx: Any, name: str) -> Any:
        """Import the verb's module; None for an unknown verb."""
        if name not in VERBS:
            return None
        command = typer.main.get_command(import_module(f"{__package__}.{name}").app)
        command.name = name
        return command

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
    help=HELP,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"fcx {__version__}")
        raise typer.Exit


@app.callback()
def root(
    *,
    verbose: Annotated[
        bool, typer.Option("-v", "--verbose", help="Say each request, and all else that is logged.")
    ] = False,
    version: Annotated[  # noqa: ARG001 - its callback answers
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which fcx.")
    ] = False,
) -> None:
    """Python functions on a supercomputer, in the image you have at hand."""
    if verbose:
        show_everything()


def run() -> None:
    """An FcxError becomes its message and its exit code; so does a command line that is wrong."""
    if "_FCX_COMPLETE" in os.environ:
        from typer import completion

        completion.completion_init()  # type: ignore[attr-defined]
    reply = Reply()
    try:
        sys.exit(app(obj=reply, standalone_mode=False) or 0)
    except FcxError as error:
        _as_json(reply, type(error).__name__, str(error), error.exit_code)
        step = f"{reply.during}: " if reply.during else ""
        complain(f"fcx: {step}{error}")
        sys.exit(error.exit_code)
    except Misused as error:
        reply.as_json = reply.as_json or "--json" in sys.argv
        _as_json(reply, "UsageError", error.format_message(), error.exit_code)
        with suppress(OSError):
            error.show()
        sys.exit(error.exit_code)
    except typer.Abort:
        typer.echo("Aborted!", err=True)
        sys.exit(1)


def _as_json(reply: Reply, kind: str, message: str, exit_code: int) -> None:
    """An error for whoever asked for JSON, with what was done before it."""
    if not reply.as_json:
        return
    said = {"kind": kind, "message": message}
    said |= {"step": reply.during} if reply.during else {}
    whole = {"error": {**said, "exit_code": exit_code}, **reply.more}
    typer.echo(json.dumps(whole, indent=2))
