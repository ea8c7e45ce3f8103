"""`fcx env`: the client's environment follows the image."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import ParityError, UsageError
from .group import Verbs
from .options import JsonOption

if TYPE_CHECKING:
    from ..venv.journal import Lack
    from ..venv.plan import Change
    from ..venv.sync import Prepared, Request, Synced
    from ..venv.wanted import Wanted

app = typer.Typer(cls=Verbs, no_args_is_help=True, rich_markup_mode=None, add_completion=False)

VENV = ".venv"
"""In the project's folder: where uv, poetry and editors look for its environment."""


@app.callback()
def env() -> None:
    """The client's environment follows the image."""


@app.command()
def sync(
    venv: Annotated[
        Path | None, typer.Option(help="the environment to make or repair [the project's .venv]")
    ] = None,
    manifest: Annotated[Path | None, typer.Option(help="the manifest's file")] = None,
    name: Annotated[str, typer.Option(help="an image other than the one in fcx.toml")] = "",
    remote: Annotated[
        bool, typer.Option("--remote", help="follow the remote side that was seen last")
    ] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="take out what neither the image nor fcx has")
    ] = False,
    clear: Annotated[
        bool, typer.Option("--clear", help="make it anew; what is in it is lost")
    ] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="ask again for what could not be had")
    ] = False,
    install_python: Annotated[
        bool, typer.Option("--install-python", help="let pyenv compile the image's Python")
    ] = False,
    index_url: Annotated[
        str, typer.Option(help="the index to install from [that of pip's or uv's own settings]")
    ] = "",
    extra_index_url: Annotated[
        list[str] | None, typer.Option(help="another index beside it; repeatable")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what would be done")] = False,
    as_json: JsonOption = False,
) -> None:
    """Make or repair a virtual environment that equals the image: Python, releases, this fcx.

    Without --manifest, --name or --remote it follows the project's image, or where there is none
    the remote side that a preflight saw last. Other distributions are left alone unless --prune
    says so. uv installs where it is in PATH, else pip: both from --index-url, else from where they
    were told (PIP_INDEX_URL, pip.conf, UV_DEFAULT_INDEX, uv.toml; uv is told what pip knows). Of
    which index the image has a release nobody notes: name a private one. Ends with 0 if the
    environment passes the policy of fcx.toml, else 3.
    """
    from ..config import Settings
    from ..venv.indexes import Indexes
    from ..venv.sync import Request, prepare
    from ..venv.sync import sync as synchronise
    from ..venv.wanted import wanted

    if sum(map(bool, (manifest, name, remote))) > 1:
        raise UsageError("--manifest, --name and --remote each say what to follow: give one.")
    settings = Settings.load()
    followed = wanted(settings, file=manifest, name=name, remote=remote)
    folder = (venv or settings.root / VENV).resolve()
    indexes = Indexes(index_url, tuple(extra_index_url or ()))
    request = Request(followed.manifest, folder, clear, prune, fresh, install_python, indexes)
    if not as_json:
        typer.echo(_followed(followed, request))
    if dry_run:
        planned = prepare(request, fetch=False)
        _show(_planned(planned), _lines(planned, dict(planned.plan.lacks)), as_json=as_json)
        return
    done = synchronise(request, settings, lambda text: typer.echo(text, err=True))
    _show(_outcome(done), _outcome_lines(done), as_json=as_json)
    if not done.verdict.passed:
        raise typer.Exit(ParityError.exit_code)


def _show(record: dict[str, Any], lines: list[str], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(record, indent=2))
        return
    for line in lines:
        typer.echo(line, err=line.startswith("warning: "))


def _followed(followed: Wanted, request: Request) -> str:
    its = followed.manifest
    count = f"Python {its.python.version}, {len(its.distributions)} distributions"
    return f"{request.folder} follows {followed.source} ({count})"


def _planned(prepared: Prepared) -> dict[str, Any]:
    plan, python = prepared.plan, prepared.python
    return {
        "venv": str(prepared.request.folder),
        "python": str(python.executable) if python else None,
        "install": {change.name: change.version for change in plan.install},
        "remove": list(plan.remove),
        "fcx": prepared.fcx,
        "lacks": {name: lack.reason for name, lack in plan.lacks},
        "extra": list(plan.extra),
    }


def _lines(prepared: Prepared, lacks: Mapping[str, Lack]) -> list[str]:
    """A line for each change, and one for each release that is not to be had."""
    plan, python, name = prepared.plan, prepared.python, prepared.request.manifest.name
    lines = [f"  = Python {python.version}, {python.executable}"] if python else []
    lines += [f"  {_spoken(change)}" for change in plan.install if change.name not in lacks]
    lines += [f"  - {name}" for name in plan.remove]
    lines += ["  + this fcx, and what it needs"] if prepared.fcx else []
    lines = ["  nothing to do"] if prepared.idle else lines
    return lines + [
        f"warning: {one} {lack.version} of {name} is not there: {lack.reason}"
        for one, lack in lacks.items()
    ]


def _spoken(change: Change) -> str:
    """One distribution that is put in, and over what."""
    if change.damaged:
        return f"~ {change.name} {change.version}, whose files were not whole"
    over = f"{change.found} -> " if change.found else ""
    return f"{'~' if over else '+'} {change.name} {over}{change.version}"


def _outcome(done: Synced) -> dict[str, Any]:
    return {
        **_planned(done.prepared),
        "python": done.python.version,
        "lacks": {name: lack.reason for name, lack in done.lacks.items()},
        "notes": list(done.notes),
        "passed": done.verdict.passed,
    }


def _outcome_lines(done: Synced) -> list[str]:
    lines = _lines(done.prepared, done.lacks) + [f"note: {note}" for note in done.notes]
    if not done.verdict.passed:
        return [*lines, done.verdict.text()]
    folder, name = done.prepared.request.folder, done.prepared.request.manifest.name
    activate = "" if done.prepared.target.own else f": . {shlex.quote(f'{folder}/bin/activate')}"
    lacks = f" but for {', '.join(done.lacks)}" if done.lacks else ""
    return [*lines, f"It equals {name}{lacks}{activate}"]
