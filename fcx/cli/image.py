"""`fcx image`: build, inspect, run, push and pack the one image."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fcx.errors import UsageError

if TYPE_CHECKING:
    from fcx.parity.manifest import Manifest

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

PASS_ON = {"ignore_unknown_options": True, "allow_interspersed_args": False}
Json = Annotated[bool, typer.Option("--json", help="the result as JSON on standard output")]
Name = Annotated[str, typer.Option(help="an image other than the one in fcx.toml")]


@app.callback()
def image() -> None:
    """Build, inspect, run, push and pack the one image."""


@app.command()
def build(
    context: Annotated[
        Path | None, typer.Argument(help="folder that the Dockerfile copies from [containers]")
    ] = None,
    file: Annotated[Path | None, typer.Option(help="Dockerfile [CONTEXT/Dockerfile]")] = None,
    tag: Annotated[str, typer.Option(help="NAME[:TAG] of the image")] = "",
    platform: Annotated[str, typer.Option(help="linux/arm64, say [this machine's]")] = "",
    build_arg: Annotated[
        list[str] | None, typer.Option(metavar="K=V", help="an ARG of the Dockerfile")
    ] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="run every step again")] = False,
    pull: Annotated[bool, typer.Option("--pull", help="ask for newer base images")] = False,
    as_json: Json = False,
) -> None:
    """Build the image from its Dockerfile and write its manifest to edf/."""
    from fcx.cli.progress import shown
    from fcx.config import Settings
    from fcx.image import one as images

    settings = Settings.load()
    request = images.Request.from_settings(
        settings,
        context=context,
        dockerfile=file,
        tag=tag,
        platform=platform,
        build_args=_pairs(build_arg or []),
        no_cache=no_cache,
        pull=pull,
    )
    with shown() as progress:
        built = images.build(request, settings, progress)
    for warning in built.warnings:
        typer.echo(f"warning: {warning}", err=True)
    if as_json:
        more = {"manifest": str(built.path), "fresh": built.fresh, "warnings": built.warnings}
        typer.echo(json.dumps({**json.loads(built.manifest.to_json()), **more}, indent=2))
        return
    typer.echo(f"{built.manifest.tag} {'built' if built.fresh else 'is up to date'}")
    _summary(built.manifest, built.path)


@app.command()
def inspect(name: Name = "", as_json: Json = False) -> None:
    """Show what the image contains, as its manifest has it."""
    from fcx.config import Settings
    from fcx.image import one as images

    settings = Settings.load()
    manifest = images.read_manifest(settings, name)
    if as_json:
        typer.echo(manifest.to_json(), nl=False)
    else:
        _summary(manifest, images.manifest_path(settings, name), packages=True)


@app.command(context_settings=PASS_ON)
def run(
    arguments: Annotated[list[str], typer.Argument(metavar="SCRIPT.py|-m MODULE [ARGS]...")],
    name: Name = "",
) -> None:
    """Run your Python in the image on this machine, in this folder, as yourself."""
    from fcx.image.run import Run

    manifest = _manifest(name)
    _start(manifest, Run.script(manifest, arguments, Path.cwd()))


@app.command()
def shell(name: Name = "") -> None:
    """Open a shell in the image on this machine, in this folder, as yourself."""
    from fcx.image.run import Run

    if not sys.stdin.isatty():
        raise UsageError(
            "A shell needs a terminal. Without one: `fcx image run SCRIPT.py` runs a program."
        )
    _start(_manifest(name), Run(("sh",), Path.cwd(), terminal=True))


@app.command()
def push(
    destination: Annotated[str, typer.Argument(metavar="REGISTRY/NAME[:TAG]")],
    name: Name = "",
    as_json: Json = False,
) -> None:
    """Push the image to a registry and note its digest in the manifest."""
    from fcx.cli.progress import shown
    from fcx.config import Settings
    from fcx.image import one as images
    from fcx.image import push as image_push
    from fcx.image.check import require_architecture, target_site
    from fcx.image.engine import connect

    settings = Settings.load()
    manifest = images.read_manifest(settings, name)
    require_architecture(manifest, target_site(settings, os.environ))
    client = connect()
    found = images.built_image(client, manifest)
    with shown() as progress:
        digest = image_push.push(client, found, manifest, destination, progress)
    changed = replace(manifest, repo_digest=digest)
    images.write_manifest(images.manifest_path(settings, name), changed)
    typer.echo(json.dumps({"repo_digest": digest}) if as_json else digest)


@app.command()
def pack(
    output: Annotated[Path | None, typer.Option(help="[edf/NAME.sqsh]")] = None,
    compression: Annotated[str, typer.Option(help="zstd, lzo, gzip, xz, lz4 or none")] = "zstd",
    name: Name = "",
    as_json: Json = False,
) -> None:
    """Pack the image into a .sqsh file, as enroot lays one out, and note its SHA-256."""
    from fcx.config import Settings
    from fcx.image import one as images
    from fcx.image import pack as image_pack
    from fcx.image.check import require_architecture, target_site
    from fcx.image.engine import connect

    settings = Settings.load()
    path = images.manifest_path(settings, name)
    manifest = images.read_manifest(settings, name)
    require_architecture(manifest, target_site(settings, os.environ))
    client = connect()
    found = images.built_image(client, manifest)
    target = output or path.with_name(f"{manifest.name}.sqsh")
    sqsh = image_pack.pack(client, found, target, compression)
    images.write_manifest(path, replace(manifest, sqsh=sqsh))
    typer.echo(json.dumps(asdict(sqsh)) if as_json else f"{sqsh.path} sha256:{sqsh.sha256}")


def _manifest(name: str) -> Manifest:
    from fcx.config import Settings
    from fcx.image.one import read_manifest

    return read_manifest(Settings.load(), name)


def _start(manifest: Manifest, wanted: Any) -> None:
    from fcx.image.engine import connect
    from fcx.image.one import built_image
    from fcx.image.run import run as run_in

    client = connect()
    code = run_in(client, built_image(client, manifest), manifest, wanted)
    raise typer.Exit(code)


def _pairs(texts: list[str]) -> dict[str, str]:
    """``K=V`` texts; a bare ``K`` takes its value from the environment, as docker has it."""
    pairs = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not key.isidentifier():
            raise UsageError(f"--build-arg {text!r} is not NAME=VALUE.")
        if not equals and key not in os.environ:
            raise UsageError(f"--build-arg {key} has no value, and there is no variable {key}.")
        pairs[key] = value if equals else os.environ[key]
    return pairs


def _summary(manifest: Manifest, path: Path, *, packages: bool = False) -> None:
    python = manifest.python
    rows = {
        "manifest": str(path),
        "image id": manifest.image_id or "(not built here)",
        "build id": manifest.build_id or "(none)",
        "recipe id": manifest.recipe_id or "(none)",
        "digest": manifest.repo_digest or "(not pushed)",
        "sqsh": manifest.sqsh.path if manifest.sqsh else "(not packed)",
        "python": f"{python.implementation} {python.version} at {python.executable}",
        "dill": manifest.dill or "(none)",
        "platform": manifest.platform,
        "system": f"{manifest.os}, {manifest.libc}",
        "size": f"{manifest.size / 1e6:.0f} MB",
        "packages": str(len(manifest.distributions)),
    }
    for key, value in rows.items():
        typer.echo(f"  {key:<10} {value}")
    if packages:
        for key, value in manifest.distributions.items():
            typer.echo(f"    {key}=={value}")
