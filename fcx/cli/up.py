"""``fcx up``: build, ship or push, write the EDF, preflight; each only where it is called for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import ParityError
from .options import JsonOption, Reply
from .phases import show_phases
from .ship import BuildRemote, ToOption, WorkingDir, say_kept

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..steps.step import Step, Told

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def up(
    context: typer.Context,
    *,
    to: ToOption = "",
    working_dir: WorkingDir = "",
    policy: Annotated[str, typer.Option(help="strict, minor or off.")] = "",
    sbatch: Annotated[
        list[str] | None, typer.Option(help="An sbatch option of the jobs; repeatable.")
    ] = None,
    build_remote: BuildRemote = None,
    fresh: Annotated[bool, typer.Option(help="Preflight again, whatever is remembered.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Have the project's image on the cluster, its EDF here, and both sides proven to agree.

    Builds the image, ships it (or pushes it, where `push_to` under [image] in fcx.toml names a
    registry; with --build-remote a job builds it there), writes the EDF and makes a preflight: each
    step says what it did, or why there was nothing to do. Ends with 0 if tasks may be sent, with 3
    if parity refuses.
    """
    from ..config import Credentials, Settings
    from ..image.request import Request
    from ..steps.away import away
    from ..steps.edf import Edf
    from ..steps.image import Image
    from ..steps.judging import Preflight
    from ..steps.project import Project
    from ..steps.remote import RemoteImage, is_remote
    from .progress import shown
    from .turn import take_turn

    show_phases(quiet=as_json)
    project = Project(Settings.load(), Credentials.from_env(None))
    take_turn(context, project.settings)
    if is_remote(project.settings, build_remote):
        request = Request.from_settings(project.settings)
        there: list[Step] = [RemoteImage(project, shown, request, to, working_dir, sbatch)]
    else:
        there = [Image(project, shown), away(project, shown, to, working_dir, sbatch)]
    steps = [
        *there,
        Edf(project, working_dir),
        Preflight(project, working_dir, sbatch, policy, fresh=fresh),
    ]
    reply = context.ensure_object(Reply)
    told = _taken(steps, reply, resumes=there[-1].name, quiet=as_json)
    passed = all(one.passed for one in told)
    if as_json:
        data = [one.to_data() for one in told]
        typer.echo(json.dumps({"passed": passed, "steps": data}, indent=2))
    if not passed:
        raise typer.Exit(ParityError.exit_code)


def _taken(steps: Sequence[Step], reply: Reply, *, resumes: str, quiet: bool) -> list[Told]:
    """What became of each; an error is told with the name of its step, after those before it.

    ``resumes``: the step that goes on where it was broken off.
    """
    from ..steps.step import walk

    told: list[Told] = []
    try:
        for one in walk(steps):
            if isinstance(one, str):
                reply.during = one
                continue
            told.append(one)
            reply.more = {"steps": [each.to_data() for each in told]}
            if not quiet:
                _tell(one)
    except KeyboardInterrupt:
        if reply.during == resumes:
            say_kept()
        raise
    return told


def _tell(one: Told) -> None:
    typer.echo(one.line())
    if one.done is None:
        return
    for warning in one.done.warnings:
        typer.echo(f"warning: {warning}", err=True)
    if one.done.text:
        typer.echo(one.done.text)
