"""`fcx local`: a FirecREST v2 cluster on this machine, in the foreground."""

from __future__ import annotations

import asyncio
import json
import shlex
from collections.abc import Callable
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import ClusterError, ConfigError, UsageError
from ..files import write_whole
from ..install import command
from .group import Verbs
from .options import JsonOption

app = typer.Typer(cls=Verbs, no_args_is_help=True, rich_markup_mode=None, add_completion=False)


class Scheduler(str, Enum):
    """What stands behind the API."""

    process = "process"
    slurm = "slurm"


@app.callback()
def local() -> None:
    """A FirecREST v2 cluster on this machine: no account, real HTTP, real processes."""


@app.command()
def up(
    scheduler: Annotated[
        Scheduler, typer.Option(help="processes of its own, or the machine's sbatch")
    ] = Scheduler.process,
    port: Annotated[int, typer.Option(help="0 takes a free one", min=0, max=65535)] = 0,
    nodes: Annotated[int, typer.Option(help="nodes of the process back end", min=1)] = 1,
    env_file: Annotated[
        Path | None, typer.Option(help="write the six variables there, not to standard output")
    ] = None,
    python: Annotated[
        str | None, typer.Option(help="what jobs find as python3 [this interpreter]")
    ] = None,
    root: Annotated[
        Path | None, typer.Option(help="the cluster's own directory [a temporary one]")
    ] = None,
    cpus_per_node: Annotated[int, typer.Option(help="CPUs of each node", min=1)] = 8,
    filesystem: Annotated[
        list[str] | None, typer.Option(help="a directory that the API shows; may be repeated")
    ] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option(help="KIND.EFFECT=VALUE, as submit.ghost=1 or '*.latency=0.2'; repeatable"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Serve until interrupted; its jobs end with it."""
    options = {
        "scheduler": scheduler.value,
        "nodes": nodes,
        "port": port,
        "python": python,
        "root": None if root is None else str(root.absolute()),
        "cpus_per_node": cpus_per_node,
        "filesystems": filesystem or [],
    }
    _serve(options, fault or [], partial(_announce, env_file=env_file, as_json=as_json))


def _serve(
    options: dict[str, Any], faults: list[str], ready: Callable[[dict[str, Any]], None]
) -> None:
    """Serve until interrupted; ``ready`` is called with what there is to announce."""
    try:
        from ..local.errors import ApiError
        from ..local.faults import parse
        from ..local.options import Options
        from ..local.serve import serve
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"the local cluster needs {error.name}: install it with `{command('local')}`"
        ) from error
    try:
        wanted = dict(parse(one) for one in faults)
    except ValueError as error:
        raise UsageError(str(error)) from error
    try:
        asyncio.run(serve(Options(**options, faults=wanted), ready))
    except (OSError, ApiError) as error:
        raise ClusterError(f"the local cluster cannot be served: {error}") from error


def _announce(announcement: dict[str, Any], *, env_file: Path | None, as_json: bool) -> None:
    """Hand out the six variables: to a private file, else on standard output."""
    lines = "".join(
        f"export {name}={shlex.quote(value)}\n" for name, value in announcement["env"].items()
    )
    if env_file is not None:
        write_whole(env_file, lines, mode=0o600)
    if as_json:
        typer.echo(json.dumps(announcement))
    elif env_file is None:
        typer.echo(lines, nl=False)
    typer.echo(f"FirecREST v2 at {announcement['url']}; Ctrl-C stops it", err=True)
    if env_file is not None:
        path = shlex.quote(str(env_file.absolute()))
        typer.echo(f"Scripts find it after `. {path}`; working_dir: $PWD, say", err=True)
