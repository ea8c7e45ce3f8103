"""`fcx edf`: the EDF for `srun --environment`: write, check and render it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import __version__
from ..errors import EdfError, ManifestError, UsageError
from .options import JsonOption

if TYPE_CHECKING:
    from ..config import Settings, Site
    from ..edf.findings import Finding
    from ..parity.manifest import Manifest

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, add_completion=False)

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
    as_json: JsonOption = False,
) -> None:
    """Write the EDF that matches the image: edf/<name>.toml, and what it is based on.

    edf/<name>-generated.toml is fcx's own and written whole each time. edf/<name>.toml is yours: it
    is made once, stays as it is from then on, and what you set in it goes before.
    """
    from ..config import Settings
    from ..edf.generate import generate, header, reach
    from ..edf.read import read
    from ..edf.write import write_pair
    from ..files import EDF_FOLDER, edf_path

    settings = Settings.load()
    record, place = _manifest(settings, manifest), _site(settings, site)
    _refuse_unknown_dialect(dialect)
    folder = working_dir or settings.executor.working_dir
    edf = generate(record, place, folder, sqsh=sqsh, dialect=dialect)
    target = output or edf_path(record.name, settings.root / EDF_FOLDER)
    done = write_pair(target, edf, header(record, place, __version__, target.name), settings)
    image = read(target).image
    unreachable = reach(record, image or sqsh)
    warnings = [_outdated(record, settings), done.unread, unreachable]
    findings = _of_pair(target, dialect or place.engine, place, record)
    if unreachable:  # the warning says more of that
        findings = [finding for finding in findings if finding.code != "local-image"]
    said = {"path": str(target), "generated": str(done.generated), "image": image or edf.image}
    said |= {"build_id": record.build_id, "moved": done.moved}
    _tell(said, list(filter(None, warnings)), findings, as_json=as_json)


@app.command()
def check(
    files: Annotated[
        list[str], typer.Argument(help="Paths of EDFs, or their names.", show_default=False)
    ],
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
    told = (f for file in files for f in _checked(file, engine, place, manifest, on_cluster))
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


def _checked(
    file: str, dialect: str, site: Site | None, manifest: Path | None, on_cluster: bool
) -> list[Finding]:
    from ..edf.findings import unreadable

    try:
        path = _located(file)
        image, damaged = (_read(manifest), []) if manifest else _beside(path)
        return damaged + _of_pair(path, dialect, site, image, on_cluster=on_cluster)
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


def _of_pair(
    path: str | Path,
    dialect: str,
    site: Site | None,
    manifest: Manifest | None,
    *,
    on_cluster: bool = False,
) -> list[Finding]:
    """The findings of an EDF, and of fcx's own that it is based on where they still count."""
    from functools import partial

    from ..edf.check import check as findings
    from ..edf.lookup import finder
    from ..edf.pair import generated_of, hidden
    from ..edf.read import text_of

    ask = partial(
        findings,
        dialect=dialect,
        site=site,
        manifest=manifest,
        lookup=finder(),
        variables=os.environ if on_cluster else None,
        exists=os.path.exists if on_cluster else None,
    )
    text, own = text_of(path), generated_of(path)
    found = ask(text, str(path), generated=own)
    if own is None:
        return found
    unseen = hidden(text, str(path), own)
    return found + [one for one in ask(own.text, own.file) if one.line not in unseen]


def _manifest(settings: Settings, path: Path | None) -> Manifest:
    from ..files import EDF_FOLDER, manifest_path

    return _read(path or manifest_path(settings.image.name, settings.root / EDF_FOLDER))


def _read(path: Path) -> Manifest:
    from ..image.manifests import read_manifest

    return read_manifest(path)


def _site(settings: Settings, name: str) -> Site:
    return settings.site(name or settings.image.site or os.environ.get("FIRECREST_SYSTEM", ""))


def _outdated(manifest: Manifest, settings: Settings) -> str:
    """What has changed since the image was built, and what to do; empty if nothing has."""
    from ..image.source import stale

    changed = stale(manifest, settings.root)
    if not changed:
        return ""
    return (
        f"the image was built before its source changed: it has {changed}; `fcx image build`, "
        "then `fcx edf write` again"
    )


def _tell(
    said: dict[str, str | None], warnings: list[str], findings: list[Finding], *, as_json: bool
) -> None:
    if as_json:
        told = [finding.to_data() for finding in findings]
        answer = {**said, "warning": "; ".join(warnings), "findings": told}
        typer.echo(json.dumps(answer, indent=2))
        return
    typer.echo(f"{said['path']}: image {said['image']}")
    lines = [said["moved"], *(f"warning: {warning}" for warning in warnings)]
    for line in (*filter(None, lines), *(finding.message() for finding in findings)):
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
