"""`fcx lock`: the image's releases, written back into containers/."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from .options import JsonOption

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def lock(
    name: Annotated[str, typer.Option(help="an image other than the one in fcx.toml")] = "",
    force: Annotated[
        bool, typer.Option("--force", help="write it though something speaks against it")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write the releases of the image to containers/constraints.txt, which later builds take.

    Nothing is asked of an index here, and none is written: the Dockerfile's pip has its own
    settings, as `fcx env sync` has --index-url.
    """
    from ..config import Settings
    from ..files import EDF_FOLDER, manifest_path, write_whole
    from ..image.lock import lock as lock_image
    from ..image.manifests import read_manifest

    settings = Settings.load()
    path = manifest_path(name or settings.image.name, settings.root / EDF_FOLDER)
    manifest = read_manifest(path)
    done = lock_image(manifest, settings, force=force)
    if done.manifest is not manifest:
        write_whole(path, done.manifest.to_json())
    if as_json:
        said = {"file": str(done.path), "changed": done.changed, "pins": done.pins}
        typer.echo(json.dumps({**said, "notes": list(done.notes)}, indent=2))
        return
    for note in done.notes:
        typer.echo(f"warning: {note}", err=True)
    what = f"{len(done.pins)} releases" if done.changed else "is up to date"
    typer.echo(f"{done.path}: {what}")
