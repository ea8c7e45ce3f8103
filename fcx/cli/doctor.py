"""``fcx doctor``: what is wrong, here, on the way or on the cluster, and how to put it right."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from .options import JsonOption

if TYPE_CHECKING:
    from ..doctor.check import Result

app = typer.Typer(rich_markup_mode=None, add_completion=False)

COLOURS = {"fine": "green", "warning": "yellow", "wrong": "red", "not tried": "bright_black"}


@app.command()
def doctor(
    *,
    working_dir: Annotated[
        str, typer.Option(help="Directory on the cluster [fcx.toml's, else one of yours there].")
    ] = "",
    edf: Annotated[
        str | None, typer.Option(help="EDF of the tasks, '' for no container [as for preflight].")
    ] = None,
    sbatch: Annotated[
        list[str] | None, typer.Option(help="An sbatch option of the jobs; repeatable.")
    ] = None,
    verbose: Annotated[
        bool, typer.Option("-v", "--verbose", help="Say of each check what it has seen.")
    ] = False,
    report: Annotated[
        bool, typer.Option("--report", help="A text for an issue, without secrets and names.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Look at all that a run takes, and say of each thing that is not right how to repair it.

    Variables, server, system, account, partitions, working directory, container and verdict.
    No job is submitted. Ends with 1 if something is wrong, with 0 for warnings alone.
    """
    from ..doctor.case import Asked, Case
    from ..doctor.check import State
    from ..doctor.everything import CHECKS
    from ..doctor.examine import examine
    from ..doctor.report import clean, private, secrets, text, to_data, worst

    case, results = Case(Asked(working_dir, edf, sbatch)), []
    for result in examine(case, CHECKS):
        results.append(clean(result, secrets()))
        if not (as_json or report) and (verbose or result.state is not State.UNTRIED):
            _show(results[-1], verbose=verbose)
    if report:
        results = [clean(result, private(case)) for result in results]
    if as_json:
        typer.echo(json.dumps(to_data(results), indent=2))
    elif report:
        typer.echo(text(results))
    else:
        _sum_up(results, named=not verbose)
    raise typer.Exit(int(worst(results) is State.WRONG))


def _show(result: Result, *, verbose: bool) -> None:
    from ..doctor.check import State
    from ..doctor.report import lines
    from ..progress.stream import coloured

    amiss = result.state in {State.WARNING, State.WRONG}
    first, *rest = lines(result, details=verbose or amiss)
    state = result.state.value
    told = typer.style(state, fg=COLOURS[state]) + first.removeprefix(state)
    typer.echo(told, color=coloured(sys.stdout))
    for line in rest:
        typer.echo(line)


def _sum_up(results: list[Result], *, named: bool) -> None:
    """``named``: those that were not tried are said here, by what is to be put right first."""
    untried: dict[str, list[str]] = {}
    for result in results if named else ():
        if result.root:
            untried.setdefault(result.root, []).append(result.name)
    for root, names in untried.items():
        typer.echo(f"not tried  {', '.join(names)}: put {root} right first")
    states = [result.state.value for result in results]
    told = [f"{states.count(name)} {name}" for name in COLOURS if name in states]
    typer.echo(f"\n{', '.join(told)}")
