"""``fcx preflight``: prove that the far side is the environment you have here."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import ConfigError, ParityError
from .options import JsonOption

app = typer.Typer(rich_markup_mode=None)

DEFAULTS = {"--nodes": "--nodes=1", "--time": "--time=00:15:00"}


@app.command()
def preflight(
    edf: Annotated[str, typer.Option(help="EDF of the environment; none: the bare far side.")] = "",
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
    """Compare Python, dill, the image and the packages over there with what is here.

    Submits one short job unless a verdict is remembered. Ends with 0 if calls may be sent, else 3.
    """
    from ..config import Settings

    settings = Settings.load()
    _show_phases(quiet=as_json)
    executor = _executor(settings, edf, working_dir, policy, sbatch, srun)
    gate = executor.gate
    age = ""
    verdict = executor.preflight(fresh=fresh or bool(adopt))
    if gate.known is not None:
        age = gate.known.spoken_age(_now())
        age = "" if age == "just now" else age
    if adopt:
        _adopt(settings.root, adopt, executor)
    if as_json:
        record = json.loads(verdict.to_json())
        typer.echo(json.dumps({**record, "taken": age or "just now"}, indent=2, sort_keys=True))
    else:
        typer.echo(verdict.text(all_packages=all_packages))
        if age:
            typer.echo(f"This was found {age}; `fcx preflight --fresh` asks again.")
    if not verdict.passed:
        raise typer.Exit(ParityError.exit_code)


def _executor(
    settings: Any,
    edf: str,
    working_dir: str,
    policy: str,
    sbatch: list[str] | None,
    srun: list[str] | None,
) -> Any:
    """An executor that is never given a call, made as the user's own would be."""
    from ..executor.interface import FirecrestExecutor

    own = settings.executor
    directory = working_dir or own.working_dir
    if not directory:
        raise ConfigError(
            "No working directory: give --working-dir, an absolute path on the cluster, or set "
            "working_dir under [executor] in fcx.toml."
        )
    options = list(sbatch if sbatch is not None else own.sbatch_options)
    given = " ".join(options)
    options += [text for name, text in DEFAULTS.items() if name not in given]
    environment = edf or own.environment
    if environment and not edf:
        environment = str(settings.root / environment) if "/" in environment else environment
    return FirecrestExecutor(
        directory,
        options,
        list(srun if srun is not None else own.srun_options),
        environment=environment or None,
        parity=policy or settings.parity.policy,
        sleep_interval=5,
    )


def _adopt(root: Path, name: str, executor: Any) -> None:
    """Keep the remote side as a manifest, as if its image had been built at the client."""
    from ..files import EDF_FOLDER, edf_path, manifest_path, plain_name, write_whole
    from ..parity.manifest import Manifest

    folder = root / EDF_FOLDER
    path = manifest_path(name, folder)
    write_whole(path, Manifest.adopt(plain_name(name), executor.gate.far).to_json())
    typer.echo(f"Adopted: {path} (keep its EDF beside it, as {edf_path(name, folder)})", err=True)


def _show_phases(*, quiet: bool) -> None:
    """What the run logs goes to stderr as it happens."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger = logging.getLogger("fcx")
    logger.addHandler(handler)
    logger.setLevel(logging.ERROR if quiet else logging.INFO)
    logger.propagate = False


def _now() -> float:
    import time

    return time.time()
