"""`fcx init`: lay out fcx.toml, containers/ and edf/ in this folder."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated

import typer

from ..errors import UsageError
from ..files import CONFIG_NAME, EDF_FOLDER, write_whole
from .options import JsonOption

app = typer.Typer(rich_markup_mode=None, add_completion=False)

DOCKERIGNORE = (
    "# What no step of the Dockerfile needs: it is neither read nor sent.\n.git\n*.bak\n*.sqsh\n"
)


@app.command()
def init(
    name: Annotated[str, typer.Option(help="of the image [this folder's name]")] = "",
    site: Annotated[str, typer.Option(help="the system it will run on, such as clariden")] = "",
    architecture: Annotated[str, typer.Option(help="of that system: amd64 or arm64")] = "",
    working_dir: Annotated[str, typer.Option(help="your directory on that system")] = "",
    force: Annotated[bool, typer.Option("--force", help="write what exists already anew")] = False,
    as_json: JsonOption = False,
) -> None:
    """Lay out fcx.toml, containers/ and edf/ in this folder; what exists is kept.

    With --force, containers/ is written anew (what was there is kept as .bak), and the options are
    set in fcx.toml, whose other values and comments stay.
    """
    from ..install import TEMPLATES, shipped

    folder = Path.cwd()
    values = _values(name, site, architecture, working_dir)
    _refuse_unheard(folder / CONFIG_NAME, values, force=force)
    outcome = {CONFIG_NAME: _settings(folder / CONFIG_NAME, values, force=force)}
    for template in TEMPLATES:
        text = shipped(template).read_text(encoding="utf-8")
        outcome[template] = _write(folder / template, text, force=force)
    ignore = folder / "containers/.dockerignore"
    outcome["containers/.dockerignore"] = _write(ignore, DOCKERIGNORE, force=force)
    outcome[f"{EDF_FOLDER}/"] = "kept" if (folder / EDF_FOLDER).is_dir() else "written"
    (folder / EDF_FOLDER).mkdir(exist_ok=True)
    if as_json:
        typer.echo(json.dumps(outcome, indent=2))
        return
    for path, what in outcome.items():
        typer.echo(f"{what:<8} {path}")
    typer.echo("Next: list in containers/requirements.txt what your functions import, then")
    typer.echo("      fcx up")


def _values(
    name: str, site: str, architecture: str, working_dir: str
) -> dict[tuple[str, ...], str]:
    """What the options set; empty without any."""
    if architecture not in ("", "amd64", "arm64"):
        raise UsageError(f"--architecture {architecture!r} is neither amd64 nor arm64.")
    if architecture and not site:
        raise UsageError("--architecture belongs to a system: name it with --site.")
    wanted = {
        ("image", "name"): name,
        ("image", "site"): site,
        ("site", site, "architecture"): architecture,
        ("executor", "working_dir"): working_dir,
    }
    return {path: value for path, value in wanted.items() if value}


def _refuse_unheard(path: Path, values: dict[tuple[str, ...], str], *, force: bool) -> None:
    """An option that would change an existing file must not be dropped without a word."""
    if values and path.exists() and not force:
        raise UsageError(
            f"{path.name} exists already and is left as it is. To set "
            f"{', '.join('.'.join(key) for key in values)} in it, add --force; comments and other "
            "values stay."
        )


def _settings(path: Path, values: dict[tuple[str, ...], str], *, force: bool) -> str:
    from ..config import Settings
    from .template import edited, fresh

    if path.exists() and not force:
        return "kept"
    if path.exists():
        text = edited(path.read_text(encoding="utf-8-sig"), values, str(path))
    else:
        text = fresh({("image", "name"): _slug(path.parent.name), **values})
    what = "edited" if path.exists() else "written"
    write_whole(path, text)
    Settings.from_file(path)
    return what


def _write(path: Path, text: str, *, force: bool) -> str:
    if path.exists() and not force:
        return "kept"
    if path.exists() and path.read_bytes() != text.encode():
        path.replace(path.with_name(path.name + ".bak"))
    write_whole(path, text)
    return "written"


def _slug(text: str) -> str:
    """A folder's name as an image may be called."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "fcx-image"
