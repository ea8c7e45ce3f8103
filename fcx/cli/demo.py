"""``fcx demo``: the main job on a cluster of this machine's own, with no account."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from importlib import util
from pathlib import Path
from typing import Annotated

import typer

from ..errors import UsageError
from ..install import DEMO, command, shipped
from .options import JsonOption

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def demo(
    script: Annotated[Path | None, typer.Argument(help="A script of yours instead.")] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Start a local FirecREST cluster, run examples/simple.py through its API, stop everything.

    With --json what the script prints goes to standard error.
    """
    if util.find_spec("fastapi") is None:
        raise UsageError(f"The local cluster needs its extra: {command('local')}")
    from fcx.local import cluster

    chosen = script or shipped(DEMO)
    if not chosen.is_file():
        raise UsageError(f"There is no script {chosen}: give the path of a file of Python.")
    typer.echo("Starting a FirecREST cluster on this machine ...", err=True)
    with tempfile.TemporaryDirectory(prefix="fcx-demo-") as folder, cluster() as env:
        typer.echo(f"It listens on {env['FIRECREST_URL']}; running {chosen.name} ...", err=True)
        working_dir = Path(folder, "work")
        working_dir.mkdir()
        own = {"FCX_WORKING_DIR": str(working_dir), "FCX_STATE_DIR": str(Path(folder, "state"))}
        done = subprocess.run(
            [sys.executable, "-u", str(chosen)],  # in order with what is said beside it
            env={**os.environ, **env, **own},
            stdout=sys.stderr if as_json else None,
            check=False,
        )
        counts = {name: count for name, count in env.counts().items() if count}
    told = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    typer.echo(f"Stopped. API requests made: {told}", err=True)
    if as_json:
        said = {"script": str(chosen), "exit_code": done.returncode, "requests": counts}
        typer.echo(json.dumps(said, indent=2))
    raise typer.Exit(done.returncode)
