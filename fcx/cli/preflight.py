"""``fcx preflight``: prove that the remote side is the environment that the client has."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import ParityError
from .options import JsonOption

if TYPE_CHECKING:
    from ..executor.preflight import Answer

app = typer.Typer(rich_markup_mode=None, add_completion=False)

DEFAULTS = {"--nodes": "--nodes=1", "--time": "--time=00:15:00"}
"""sbatch options of the job, each where the user's own say nothing of the kind."""


@app.command()
def preflight(
    edf: Annotated[str, typer.Option(help="EDF of the environment; none: no container.")] = "",
    working_dir: Annotated[str, typer.Option(help="Directory on the cluster.")] = "",
    policy: Annotated[str, typer.Option(help="strict, minor or off.")] = "",
    all_packages: Annotated[
        bool, typer.Option(help="A row for each package that differs.")
    ] = False,
    sbatch: Annotated[list[str] | None, typer.Option(help="An sbatch option; repeatable.")] = None,
    srun: Annotated[list[str] | None, typer.Option(help="An srun option; repeatable.")] = None,
    adopt: Annotated[str, typer.Option(help="Write what is found as edf/NAME.manifest.json.")] = "",
    as_json: JsonOption = False,
    fresh: Annotated[bool, typer.Option(help="Ask again, whatever is remembered.")] = False,
) -> None:
    """Compare the remote Python, dill, image and packages with the client's.

    Submits one short job unless a verdict is remembered. Ends with 0 if tasks may be sent, else 3.
    """
    _show_phases(quiet=as_json)
    answer = _ask(edf, working_dir, policy, sbatch, srun, fresh=fresh or bool(adopt))
    if adopt:
        _adopt(adopt, answer)
    _show(answer, as_json=as_json, all_packages=all_packages)
    if not answer.verdict.passed:
        raise typer.Exit(ParityError.exit_code)


def _ask(
    edf: str,
    working_dir: str,
    policy: str,
    sbatch: list[str] | None,
    srun: list[str] | None,
    *,
    fresh: bool,
) -> Answer:
    """As an executor would be made of the same settings, with a job that is short by default."""
    from ..config import Settings
    from ..executor.preflight import preflight as ask
    from ..executor.settings import settle
    from ..jobscript.options import Options

    own = Settings.load().executor
    options = list(sbatch if sbatch is not None else own.sbatch_options)
    given = Options.check(options, ())
    options += [text for name, text in DEFAULTS.items() if not given.gives(name)]
    settings, question = settle(
        {
            "working_dir": working_dir or None,
            "sbatch_options": options,
            "srun_options": srun,
            "environment": edf or None,
            "parity": policy or None,
            "sleep_interval": 5,
        }
    )
    return ask(settings, question, fresh=fresh)


def _show(answer: Answer, *, as_json: bool, all_packages: bool) -> None:
    if as_json:
        record = json.loads(answer.verdict.to_json())
        typer.echo(
            json.dumps({**record, "taken": answer.age or "just now"}, indent=2, sort_keys=True)
        )
        return
    typer.echo(answer.verdict.text(all_packages=all_packages))
    if answer.age:
        typer.echo(f"This was found {answer.age}; `fcx preflight --fresh` asks again.")


def _adopt(name: str, answer: Answer) -> None:
    """Keep what was found as a manifest, as if its image had been built by this project."""
    from ..config import Settings
    from ..files import EDF_FOLDER, edf_path, manifest_path, plain_name, write_whole
    from ..parity.manifest import Manifest

    if answer.remote is None:
        return
    folder = Path(Settings.load().root, EDF_FOLDER)
    path = manifest_path(name, folder)
    write_whole(path, Manifest.adopt(plain_name(name), answer.remote).to_json())
    typer.echo(f"Adopted: {path} (keep its EDF beside it, as {edf_path(name, folder)})", err=True)


def _show_phases(*, quiet: bool) -> None:
    """What the run logs goes to stderr as it happens."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger = logging.getLogger("fcx")
    logger.addHandler(handler)
    logger.setLevel(logging.ERROR if quiet else logging.INFO)
    logger.propagate = False
