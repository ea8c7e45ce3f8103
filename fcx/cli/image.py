"""`fcx image`: build, inspect, run, push, pack and ship the one image."""

from __future__ import annotations

import json
import os
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import UsageError
from .group import Verbs
from .options import JsonOption
from .ship import BuildRemote, ToOption, WorkingDir, clean, say_kept, ship

if TYPE_CHECKING:
    from ..config import Settings
    from ..image.build import Built
    from ..image.request import Request
    from ..image.run import Run
    from ..parity.manifest import Manifest

app = typer.Typer(cls=Verbs, no_args_is_help=True, rich_markup_mode=None, add_completion=False)

PASS_ON = {"ignore_unknown_options": True, "allow_interspersed_args": False}
Name = Annotated[str, typer.Option(help="an image other than the one in fcx.toml")]


@app.callback()
def image() -> None:
    """Build, inspect, run, push, pack and ship the one image."""


@app.command()
def build(
    command: typer.Context,
    context: Annotated[
        Path | None, typer.Argument(help="folder that the Dockerfile copies from [containers]")
    ] = None,
    file: Annotated[Path | None, typer.Option(help="Dockerfile [CONTEXT/Dockerfile]")] = None,
    tag: Annotated[str, typer.Option(help="NAME[:TAG] of the image")] = "",
    platform: Annotated[str, typer.Option(help="linux/arm64, say [this machine's]")] = "",
    target: Annotated[str, typer.Option(help="stage of the Dockerfile [its last]")] = "",
    build_arg: Annotated[
        list[str] | None, typer.Option(metavar="K=V", help="an ARG of the Dockerfile")
    ] = None,
    secret: Annotated[
        list[str] | None,
        typer.Option(metavar="id=K,src=FILE", help="for RUN --mount=type=secret"),
    ] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="run every step again")] = False,
    pull: Annotated[bool, typer.Option("--pull", help="ask for newer base images")] = False,
    build_remote: BuildRemote = None,
    to: ToOption = "",
    working_dir: WorkingDir = "",
    sbatch: Annotated[
        list[str] | None, typer.Option(help="An sbatch option of that job; repeatable.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Build the image from its Dockerfile and write its manifest to edf/.

    With --build-remote, or `build = "remote"` under [image] in fcx.toml, no engine is needed on
    this machine: a job builds the image with podman, and leaves it on the cluster as `fcx image
    ship` does; --to, --working-dir and --sbatch are about that.
    """
    from ..config import Settings
    from ..image.build import build as build_image
    from ..image.request import Request
    from ..steps.remote import is_remote
    from .progress import shown
    from .turn import take_turn

    settings = Settings.load()
    request = Request.from_settings(
        settings,
        context=context,
        dockerfile=file,
        tag=tag,
        platform=platform,
        target=target,
        build_args=_pairs(build_arg or []),
        secrets=secret or [],
        no_cache=no_cache,
        pull=pull,
    )
    take_turn(command, settings, request.name)
    if is_remote(settings, build_remote):
        built = _built_remotely(settings, request, to, working_dir, sbatch)
    elif to or working_dir or sbatch:
        raise UsageError("--to, --working-dir and --sbatch are for --build-remote.")
    else:
        with shown() as progress:
            built = build_image(request, settings, progress)
    _tell_built(built, as_json=as_json)


@app.command()
def inspect(name: Name = "", as_json: JsonOption = False) -> None:
    """Show what the image contains, as its manifest has it."""
    from ..config import Settings

    manifest, path = _manifest(Settings.load(), name)
    if as_json:
        typer.echo(manifest.to_json(), nl=False)
    else:
        _summary(manifest, path, packages=True)


@app.command(context_settings=PASS_ON)
def run(
    arguments: Annotated[list[str], typer.Argument(metavar="SCRIPT.py|-m MODULE [ARGS]...")],
    name: Name = "",
) -> None:
    """Run your Python in the image on this machine, in this folder, as yourself."""
    from ..config import Settings
    from ..image.run import Run

    manifest, _ = _manifest(Settings.load(), name)
    _start(manifest, Run.script(manifest, arguments, Path.cwd()))


@app.command()
def shell(name: Name = "") -> None:
    """Open a shell in the image on this machine, in this folder, as yourself."""
    from ..config import Settings
    from ..image.run import Run

    if not sys.stdin.isatty():
        raise UsageError(
            "A shell needs a terminal. Without one: `fcx image run SCRIPT.py` runs a program."
        )
    manifest, _ = _manifest(Settings.load(), name)
    _start(manifest, Run(("sh",), Path.cwd(), terminal=True))


@app.command()
def push(
    command: typer.Context,
    destination: Annotated[
        str, typer.Argument(metavar="REGISTRY/NAME[:TAG]", help="[`push_to` in fcx.toml]")
    ] = "",
    name: Name = "",
    join: Annotated[
        bool, typer.Option("--join", help="into the list of images of several platforms at :TAG")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Push the image to a registry and note its digest in the manifest."""
    from ..config import Settings
    from ..files import write_whole
    from ..image.engine import connect
    from ..image.manifests import built_image
    from ..image.push import Pushed, push_joined
    from ..image.push import push as push_image
    from ..records import plain, replace
    from .progress import shown
    from .turn import take_turn

    settings = Settings.load()
    take_turn(command, settings, name)
    manifest, path = leaving(name)
    target = destination or settings.image.push_to
    if not target:
        raise UsageError("Push where? Say REGISTRY/NAME, or `push_to` under [image] in fcx.toml.")
    with closing(connect()) as client, shown() as progress:
        found = built_image(client, manifest)
        given = (client, found, manifest, target, progress)
        pushed = push_joined(*given) if join else Pushed(push_image(*given))
    write_whole(path, replace(manifest, repo_digest=pushed.digest).to_json())
    if as_json:
        joined = plain(pushed.joined) if pushed.joined else None
        typer.echo(json.dumps({"repo_digest": pushed.digest, "joined": joined}))
        return
    typer.echo(pushed.digest)
    if pushed.joined:
        for lost in pushed.joined.lost:
            typer.echo(
                f"warning: {lost} is left out of the list: the registry has lost it", err=True
            )
        platforms = ", ".join(pushed.joined.platforms)
        typer.echo(f"{pushed.joined.name} has {platforms} ({pushed.joined.digest})", err=True)


@app.command()
def pack(
    output: Annotated[Path | None, typer.Option(help="[edf/NAME.sqsh]")] = None,
    compression: Annotated[str, typer.Option(help="zstd, lzo, gzip, xz, lz4 or none")] = "zstd",
    name: Name = "",
    as_json: JsonOption = False,
) -> None:
    """Pack the image into a .sqsh file, as enroot lays one out, and note its SHA-256."""
    from ..files import plain_name, write_whole
    from ..image.engine import connect
    from ..image.manifests import built_image
    from ..image.pack import pack as pack_image
    from ..records import plain, replace

    manifest, path = leaving(name)
    target = output or path.with_name(f"{plain_name(manifest.name)}.sqsh")
    with closing(connect()) as client:
        sqsh = pack_image(client, built_image(client, manifest), target, compression)
    write_whole(path, replace(manifest, sqsh=sqsh).to_json())
    typer.echo(json.dumps(plain(sqsh)) if as_json else f"{sqsh.path} sha256:{sqsh.sha256}")


app.command()(ship)
app.command()(clean)


def _built_remotely(
    settings: Settings, request: Request, to: str, working_dir: str, sbatch: list[str] | None
) -> Built:
    """By a job on the cluster, where that is called for."""
    from ..config import Credentials
    from ..steps.project import Project
    from ..steps.remote import RemoteImage
    from .progress import shown

    project = Project(settings, Credentials.from_env(None))
    step = RemoteImage(project, shown, request, to, working_dir, sbatch)
    found = step.look()
    if not found.needed:
        typer.echo(f"Nothing to build: {found.why}", err=True)
        return step.unchanged()
    try:
        return step.build()[0]
    except KeyboardInterrupt:
        say_kept()
        raise


def _tell_built(built: Built, *, as_json: bool) -> None:
    for warning in built.warnings:
        typer.echo(f"warning: {warning}", err=True)
    if as_json:
        more = {"manifest": str(built.path), "fresh": built.fresh, "warnings": built.warnings}
        more["filled"] = built.filled
        typer.echo(json.dumps({**json.loads(built.manifest.to_json()), **more}, indent=2))
        return
    typer.echo(f"{built.manifest.tag} {'built' if built.fresh else 'is up to date'}")
    if built.filled:
        values = " ".join(f"{name}={value}" for name, value in built.filled.items())
        typer.echo(f"  {'filled in':<10} {values}")
    _summary(built.manifest, built.path)


def _manifest(settings: Settings, name: str) -> tuple[Manifest, Path]:
    """The manifest of the image of that name, else of the one in fcx.toml; and where it lies."""
    from ..files import EDF_FOLDER, manifest_path
    from ..image.manifests import read_manifest

    path = manifest_path(name or settings.image.name, settings.root / EDF_FOLDER)
    return read_manifest(path), path


def leaving(name: str) -> tuple[Manifest, Path]:
    """The same of an image that is to leave this machine: the system it is for can run it."""
    from ..config import Settings
    from ..image.check import require_architecture, target_site

    settings = Settings.load()
    manifest, path = _manifest(settings, name)
    require_architecture(manifest, target_site(settings, os.environ))
    return manifest, path


def _start(manifest: Manifest, wanted: Run) -> None:
    from ..image.engine import connect
    from ..image.manifests import built_image
    from ..image.run import prepared
    from .attach import run_attached

    with (
        closing(connect()) as client,
        prepared(client, built_image(client, manifest), manifest, wanted) as made,
    ):
        code = run_attached(client, made, terminal=wanted.terminal)
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
        "image id": manifest.image_id or "(adopted, not built)",
        "build id": manifest.build_id or "(none)",
        "recipe id": manifest.recipe_id or "(none)",
        "digest": manifest.repo_digest or "(not pushed)",
        "sqsh": manifest.sqsh.path if manifest.sqsh else "(not packed)",
        "shipped": ", ".join(one.path for one in manifest.shipped.values()) or "(not shipped)",
        "python": f"{python.implementation} {python.version} at {python.executable}",
        "dill": manifest.dill or "(none)",
        "platform": manifest.platform,
        "probed on": manifest.machine or "(its files were read)",
        "system": f"{manifest.os}, {manifest.libc}",
        "size": f"{manifest.size / 1e6:.0f} MB",
        "packages": str(len(manifest.distributions)),
    }
    for key, value in rows.items():
        typer.echo(f"  {key:<10} {value}")
    if packages:
        for key, value in manifest.distributions.items():
            typer.echo(f"    {key}=={value}")
