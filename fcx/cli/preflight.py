"""``fcx preflight``: prove that the remote side is the environment that the client has."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import ParityError, UsageError
from .options import JsonOption
from .phases import show_phases

if TYPE_CHECKING:
    from ..executor.preflight import Answer
    from ..parity.verdict import Verdict

app = typer.Typer(rich_markup_mode=None, add_completion=False)

EdfOption = Annotated[
    str | None,
    typer.Option(
        help="EDF of the environment, '' for no container [fcx.toml's, else edf/<image>.toml]."
    ),
]
PythonOption = Annotated[
    str | None, typer.Option(help="The remote interpreter's path, '' for the image's own.")
]


@app.command()
def preflight(
    edf: EdfOption = None,
    working_dir: Annotated[
        str, typer.Option(help="Directory on the cluster [fcx.toml's, else one of yours there].")
    ] = "",
    python: PythonOption = None,
    policy: Annotated[str, typer.Option(help="strict, minor or off.")] = "",
    all_packages: Annotated[
        bool, typer.Option(help="A row for each package that differs.")
    ] = False,
    sbatch: Annotated[
        list[str] | None, typer.Option(help="An sbatch option of the job; repeatable.")
    ] = None,
    srun: Annotated[
        list[str] | None, typer.Option(help="An srun option of the job; repeatable.")
    ] = None,
    ranks: Annotated[
        int, typer.Option(min=0, help="Start so many ranks too, and see whether MPI joins them.")
    ] = 0,
    mpi: Annotated[
        str, typer.Option(help="The interface to start ranks by, as pmix [whichever fits].")
    ] = "",
    adopt: Annotated[str, typer.Option(help="Write what is found as edf/NAME.manifest.json.")] = "",
    as_json: JsonOption = False,
    fresh: Annotated[bool, typer.Option(help="Ask again, whatever is remembered.")] = False,
) -> None:
    """Compare the remote Python, dill, image and packages with the client's.

    Submits one short job unless a verdict is remembered: then options of sbatch are not tried, and
    --fresh tries them. Ends with 0 if tasks may be sent, else 3. --ranks submits a job of its own,
    which starts them by each interface that Slurm has (--mpi: by that alone).
    """
    from ..config import Settings
    from ..steps.judging import edf_for, given_by, place_for

    show_phases(quiet=as_json)
    own = Settings.load()
    given = given_by(
        own,
        working_dir or own.executor.working_dir or place_for(),
        edf if edf is not None or adopt else edf_for(own, srun),
        sbatch,
        policy,
    )
    given |= {"python": python, "srun_options": srun}
    if mpi and not ranks:
        raise UsageError("--mpi is for ranks: say how many with --ranks")
    answer, contained = _ask(given, fresh or bool(adopt))
    if adopt:
        _adopt(adopt, answer, contained=contained)
    tried = " ".join(map(shlex.quote, sbatch or ()))
    joined = _start(given, ranks, mpi) if ranks and answer.verdict.passed else None
    _show(answer, joined, tried, as_json=as_json, all_packages=all_packages)
    if not answer.verdict.passed or (joined is not None and not joined.passed):
        raise typer.Exit(ParityError.exit_code)


def _ask(given: dict[str, object], fresh: bool) -> tuple[Answer, bool]:
    """As an executor would be made of the same settings; and whether it names an EDF."""
    from ..executor.preflight import preflight as ask
    from ..executor.settings import settle

    settings, question = settle(given)
    for line in question.said:
        settings.logger.warning(line)
    return ask(settings, question, fresh=fresh), bool(settings.environment.name)


def _start(given: dict[str, object], wanted: int, mpi: str) -> Verdict:
    """The verdict on ranks, of a job that starts them."""
    from ..executor.ranks import ranks
    from ..executor.settings import settle

    return ranks(*settle(given), wanted, mpi)


def _show(
    answer: Answer, joined: Verdict | None, tried: str, *, as_json: bool, all_packages: bool
) -> None:
    """``tried``: the options that were given, which only a job can try; ``joined``: of ranks."""
    if as_json:
        record = json.loads(answer.verdict.to_json()) | {"taken": answer.age or "just now"}
        if joined is not None:
            record["ranks"] = json.loads(joined.to_json())
        typer.echo(json.dumps(record, indent=2, sort_keys=True))
        return
    typer.echo(answer.verdict.text(all_packages=all_packages))
    if answer.age:
        typer.echo(f"This was found {answer.age}; `fcx preflight --fresh` asks again.")
    if tried and not answer.asked:
        typer.echo(f"No job was submitted, so {tried} is not tried: add --fresh to try it.")
    if joined is not None:
        typer.echo(f"\nRanks:\n{joined.text()}")


def _adopt(name: str, answer: Answer, *, contained: bool) -> None:
    """Keep what was found as a manifest, as if its image had been built by this project."""
    from ..config import Settings
    from ..files import EDF_FOLDER, edf_path, manifest_path, plain_name, write_whole
    from ..parity.manifest import Manifest

    if answer.remote is None:
        typer.echo("Nothing is adopted: no job was asked, for what is known refuses it.", err=True)
        return
    folder = Path(Settings.load().root, EDF_FOLDER)
    path = manifest_path(name, folder)
    write_whole(path, Manifest.adopt(plain_name(name), answer.remote).to_json())
    edf = edf_path(name, folder)
    if contained:
        typer.echo(f"Adopted: {path} (keep its EDF beside it, as {edf})", err=True)
        return
    typer.echo(
        f"Adopted: {path}, of the cluster outside any container, for no EDF was named; --edf names "
        f"one. It is what tasks in the EDF {edf} are compared with, should there be one.",
        err=True,
    )
