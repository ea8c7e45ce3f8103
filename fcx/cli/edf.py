"""`fcx edf`: the EDF for `srun --environment`: write, check and render it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fcx import __version__
from fcx.errors import EdfError, UsageError

if TYPE_CHECKING:
    from fcx.config import Settings, Site
    from fcx.edf.check import Finding
    from fcx.parity.manifest import Manifest

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, add_completion=False)

ManifestOption = Annotated[
    Path | None, typer.Option("--manifest", help="Manifest that `fcx image build` wrote.")
]
SiteOption = Annotated[str, typer.Option("--site", help="System that the EDF is for, as daint.")]
DialectOption = Annotated[
    str, typer.Option("--dialect", help="ce (srun --environment) or sarus (srun --edf).")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]


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
    output: Annotated[Path | None, typer.Option(help="File to write.")] = None,
    sqsh: Annotated[str, typer.Option(help="Path of the packed image on the cluster.")] = "",
    dialect: DialectOption = "",
    as_json: JsonOption = False,
) -> None:
    """Write the EDF that matches the image to edf/<name>.toml.

    Lines that end in `# fcx` are renewed; everything else in an existing file stays as it is.
    """
    from fcx.config import Settings
    from fcx.edf.generate import generate, header, reach
    from fcx.edf.rewrite import rewritten

    settings = Settings.load()
    record = _manifest(settings, manifest)
    place = _site(settings, site)
    _known_dialect(dialect)
    folder = working_dir or settings.executor.working_dir
    edf = generate(record, place, settings.edf, folder, sqsh=sqsh, dialect=dialect)
    target = output or settings.root / "edf" / f"{record.name}.toml"
    existing, source = _existing(settings, target)
    text = rewritten(existing, edf, header(record, place, __version__), str(source))
    _replace(target, text)
    warning = reach(record, settings.edf, sqsh)
    findings = _findings(text, target, dialect or place.engine, place, record)
    if as_json:
        result = {
            "path": str(target),
            "image": edf.image,
            "build_id": record.build_id,
            "warning": warning,
            "findings": [finding.to_data() for finding in findings],
        }
        typer.echo(json.dumps(result, indent=2))
        return
    typer.echo(f"{target}: image {edf.image}")
    for line in (*([f"warning: {warning}"] if warning else []), *(f.message() for f in findings)):
        typer.echo(line, err=True)


@app.command()
def check(
    files: Annotated[list[Path], typer.Argument(help="EDFs to look at.", show_default=False)],
    *,
    manifest: ManifestOption = None,
    site: SiteOption = "",
    dialect: DialectOption = "",
    strict: Annotated[bool, typer.Option("--strict", help="Fail on warnings too.")] = False,
    here: Annotated[
        bool, typer.Option("--here", help="This is where it runs: look at paths and variables.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Tell what is wrong with EDFs, or may go wrong, and how to mend it.

    Exit code 1 for errors, and with --strict for warnings. Without --dialect and --site, whatever
    either engine would refuse is said.
    """
    from fcx.config import Settings
    from fcx.parity.manifest import Manifest

    _known_dialect(dialect)
    place = Settings.load().site(site) if site else None
    record = Manifest.from_json(_read(manifest), str(manifest)) if manifest else None
    engine = dialect or (place.engine if place else "")
    found = [f for path in files for f in _checked(path, engine, place, record, here=here)]
    if as_json:
        typer.echo(json.dumps([finding.to_data() for finding in found], indent=2))
    else:
        for finding in found:
            typer.echo(finding.message())
        errors = sum(finding.severity == "error" for finding in found)
        typer.echo(f"errors: {errors}, warnings: {len(found) - errors}", err=True)
    if any(strict or finding.severity == "error" for finding in found):
        raise typer.Exit(1)


@app.command()
def render(
    file: Annotated[str, typer.Argument(help="Path of an EDF, or its name in EDF_PATH.")],
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
    from fcx.edf.document import Edf, finder, is_path
    from fcx.parity.manifest import Manifest

    given = dict(_definition(text) for text in define or [])
    image = Manifest.from_json(_read(manifest), str(manifest)).env if manifest else {}
    variables = {**os.environ, **image, **given}
    lookup = finder(variables)
    edf = Edf.read(file) if is_path(file) or Path(file).is_file() else lookup(file)
    whole = edf.merged(lookup).expanded(variables)
    if as_json:
        typer.echo(json.dumps(whole.to_data(), indent=2, default=str))
    else:
        typer.echo(whole.render(), nl=False)
    if missing := whole.undefined(variables):
        names = ", ".join(f"${{{name}}}" for name in missing)
        typer.echo(f"not set here, left for the cluster: {names}", err=True)


def _checked(
    path: Path, dialect: str, site: Site | None, manifest: Manifest | None, *, here: bool
) -> list[Finding]:
    from fcx.edf.check import unreadable
    from fcx.edf.document import text_of

    try:
        text = text_of(path)
    except EdfError as error:
        return [unreadable(error)]
    return _findings(text, path, dialect, site, manifest, here=here)


def _findings(
    text: str,
    path: Path,
    dialect: str,
    site: Site | None,
    manifest: Manifest | None,
    *,
    here: bool = False,
) -> list[Finding]:
    from fcx.edf.check import check as findings
    from fcx.edf.document import finder

    return findings(
        text,
        str(path),
        dialect=dialect,
        site=site,
        manifest=manifest,
        lookup=finder(),
        variables=os.environ if here else None,
        exists=os.path.exists if here else None,
    )


def _manifest(settings: Settings, path: Path | None) -> Manifest:
    from fcx.parity.manifest import Manifest

    wanted = path or settings.root / "edf" / f"{settings.image.name}.manifest.json"
    return Manifest.from_json(_read(wanted), str(wanted))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        message = f"there is no manifest {path}: {error.strerror}. `fcx image build` makes one."
        raise UsageError(message) from error


def _site(settings: Settings, name: str) -> Site:
    return settings.site(name or settings.image.site or os.environ.get("FIRECREST_SYSTEM", ""))


def _existing(settings: Settings, target: Path) -> tuple[str, Path]:
    """The text to renew: the file that is there, else the one that additions come from."""
    from fcx.edf.document import text_of

    if target.exists():
        return text_of(target), target
    if settings.edf.base:
        base = settings.root / settings.edf.base
        return text_of(base), base
    return "", target


def _replace(target: Path, text: str) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.new")
        temporary.write_bytes(text.encode())
        temporary.replace(target)
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror}") from error


def _known_dialect(dialect: str) -> None:
    from fcx.edf.schema import DIALECTS

    if dialect and dialect not in DIALECTS:
        raise UsageError(f"there is no dialect {dialect!r}; use {' or '.join(DIALECTS)}")


def _definition(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise UsageError(f"--define {text} is not NAME=VALUE")
    return name, value
