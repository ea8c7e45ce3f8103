"""`fcx edf`: the EDF for `srun --environment`: write, check and render it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import EdfError, ManifestError, UsageError
from ..files import EDF_FOLDER, edf_path
from .group import Verbs
from .options import JsonOption

if TYPE_CHECKING:
    from ..config import Settings, Site
    from ..edf.findings import Finding
    from ..parity.manifest import Manifest
    from ..steps.edf import Written

app = typer.Typer(cls=Verbs, no_args_is_help=True, rich_markup_mode=None, add_completion=False)

ManifestOption = Annotated[
    Path | None, typer.Option("--manifest", help="Manifest that `fcx image build` wrote.")
]
OutputOption = Annotated[
    Path | None, typer.Option(help="Your file; that of fcx lies beside it [edf/<name>.toml].")
]
SiteOption = Annotated[str, typer.Option("--site", help="System that the EDF is for, as daint.")]
DialectOption = Annotated[
    str, typer.Option("--dialect", help="ce (srun --environment) or sarus (srun --edf).")
]


@app.callback()
def edf() -> None:
    """The EDF for `srun --environment`: write it from the image, check it, render it."""


@app.command()
def write(
    *,
    manifest: ManifestOption = None,
    site: SiteOption = "",
    working_dir: Annotated[
        str, typer.Option(help="Directory on the cluster that the executor works in.")
    ] = "",
    output: OutputOption = None,
    sqsh: Annotated[str, typer.Option(help="Path of the packed image on the cluster.")] = "",
    dialect: DialectOption = "",
    mpi: Annotated[
        bool, typer.Option("--mpi", help="Add the hook that MPI wants of the network, to yours.")
    ] = False,
    nccl: Annotated[
        bool, typer.Option("--nccl", help="Add those that NCCL and RCCL want, to yours.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write the EDF that matches the image: edf/<name>.toml, and what it is based on.

    edf/<name>-generated.toml is fcx's own and written whole each time. edf/<name>.toml is yours: it
    is made once, stays as it is from then on, and what you set in it goes before. --mpi and --nccl
    add annotations to it, where it says nothing of them.
    """
    from ..config import Settings
    from ..edf.network import proposed
    from ..steps.edf import site_of, written

    settings = Settings.load()
    record, place = _manifest(settings, manifest), site_of(settings, site)
    _refuse_unknown_dialect(dialect)
    done = written(
        settings,
        record,
        place,
        working_dir=working_dir,
        output=output,
        sqsh=sqsh,
        dialect=dialect,
        hooks=proposed(record, place, mpi=mpi, nccl=nccl),
    )
    _tell(done, as_json=as_json)


@app.command()
def check(
    files: Annotated[
        list[str] | None,
        typer.Argument(help="Paths of EDFs, or their names [edf/<name>.toml].", show_default=False),
    ] = None,
    *,
    manifest: ManifestOption = None,
    site: SiteOption = "",
    dialect: DialectOption = "",
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail on warnings and notes too.")
    ] = False,
    on_cluster: Annotated[
        bool,
        typer.Option("--on-cluster", help="This is where it runs: look at paths and variables."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Tell what is wrong with EDFs, or may go wrong, and how to fix it.

    Errors cannot run, warnings do not do what they say, notes do and may surprise later. The image
    is known by --manifest, else by the manifest beside each EDF; what fcx wrote for one of yours is
    checked with it. Exit code 1 for errors, and with --strict for all. Without --dialect and --site
    it is checked for the CE, with one note of what the Sarus suite would refuse.
    """
    from ..config import Settings

    _refuse_unknown_dialect(dialect)
    place = Settings.load().site(site) if site else None
    engine = dialect or (place.engine if place else "")
    named = files or [_own(Settings.load())]
    told = (f for file in named for f in _checked(file, engine, place, manifest, on_cluster))
    found = list(dict.fromkeys(told))  # both files of a pair may be named
    if as_json:
        typer.echo(json.dumps([finding.to_data() for finding in found], indent=2))
    else:
        for finding in found:
            typer.echo(finding.message())
        typer.echo(_counted(found), err=True)
    if any(strict or finding.severity == "error" for finding in found):
        raise typer.Exit(1)


@app.command()
def render(
    file: Annotated[str, typer.Argument(help="Path of an EDF, or its name.")],
    define: Annotated[
        list[str] | None, typer.Option("--define", "-D", help="NAME=VALUE of the cluster.")
    ] = None,
    manifest: ManifestOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print an EDF with all that it is based on merged in and its variables replaced.

    Variables come from --define, the image (--manifest) and this shell, in this order; those
    that none of them has stay for the cluster, and are told on stderr.
    """
    from ..edf.lookup import finder
    from ..edf.merge import merged_layers
    from ..edf.pair import written_for
    from ..edf.read import read
    from ..edf.render import render, to_data
    from ..edf.variables import expanded, undefined

    given = dict(_definition(text) for text in define or [])
    image = _read(manifest).env if manifest else {}
    variables = {**os.environ, **image, **given}
    everything, layers = merged_layers(read(_located(file)), finder(variables))
    whole, build_id = expanded(everything, variables), written_for(layers)
    if as_json:
        typer.echo(json.dumps(to_data(whole), indent=2, default=str))
    else:
        typer.echo(render(whole, f"build id:  {build_id}" if build_id else ""), nl=False)
    if missing := undefined(whole, variables):
        names = ", ".join(f"${{{name}}}" for name in missing)
        typer.echo(f"not set on this machine, left for the cluster: {names}", err=True)


def _counted(findings: list[Finding]) -> str:
    """How many there are of each severity; notes only where there are any."""
    told = [finding.severity for finding in findings]
    counts = {kind: told.count(kind) for kind in ("error", "warning", "note")}
    notes = f", notes: {counts['note']}" if counts["note"] else ""
    return f"errors: {counts['error']}, warnings: {counts['warning']}{notes}"


def _located(file: str) -> str:
    """The file that a path or a name means, a path as it was given."""
    from ..edf.lookup import GLOB, is_path, locate

    given = Path(file).is_file() or (is_path(file) and not GLOB.intersection(file))
    return file if given else str(locate(file))


def _own(settings: Settings) -> str:
    """The EDF of this project's image. Raises UsageError where there is none yet."""
    path = edf_path(settings.image.name, settings.root / EDF_FOLDER)
    if not path.is_file():
        raise UsageError(
            f"There is no EDF {path}. `fcx up` makes it, or `fcx edf write` alone; or name another."
        )
    return str(path)


def _checked(
    file: str, dialect: str, site: Site | None, manifest: Path | None, on_cluster: bool
) -> list[Finding]:
    from ..edf.both import of_pair
    from ..edf.findings import unreadable

    try:
        path = _located(file)
        image, damaged = (_read(manifest), []) if manifest else _beside(path)
        return damaged + of_pair(path, dialect, site, image, on_cluster=on_cluster)
    except EdfError as error:
        return [unreadable(error, file)]


def _beside(path: str) -> tuple[Manifest | None, list[Finding]]:
    """The manifest beside an EDF, and a finding where it cannot be read: the EDF can."""
    from ..edf.findings import Finding
    from ..files import manifest_of_edf

    found = manifest_of_edf(path)
    if found is None:
        return None, []
    try:
        return _read(found), []
    except ManifestError as error:
        why = "preflight and the executor refuse to start with it"
        fix = "make it again with `fcx image build`, or remove it"
        place = path, 1, 1, "manifest-unreadable", "error"
        return None, [Finding(*place, str(error), why, fix)]


def _manifest(settings: Settings, path: Path | None) -> Manifest:
    from ..files import EDF_FOLDER, manifest_path

    return _read(path or manifest_path(settings.image.name, settings.root / EDF_FOLDER))


def _read(path: Path) -> Manifest:
    from ..image.manifests import read_manifest

    return read_manifest(path)


def _tell(done: Written, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(done.to_data(), indent=2))
        return
    typer.echo(f"{done.path}: image {done.image}")
    lines = [done.moved, done.hooks, *(f"warning: {warning}" for warning in done.warnings)]
    for line in (*filter(None, lines), *(finding.message() for finding in done.findings)):
        typer.echo(line, err=True)


def _refuse_unknown_dialect(dialect: str) -> None:
    from ..edf.schema import DIALECTS

    if dialect and dialect not in DIALECTS:
        raise UsageError(f"there is no dialect {dialect!r}; use {' or '.join(DIALECTS)}")


def _definition(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise UsageError(f"--define {text} is not NAME=VALUE")
    return name, value
