"""`fcx image ship` and `fcx image clean`: packed images on the cluster."""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import spoken
from ..errors import EdfError, UsageError
from .options import JsonOption

if TYPE_CHECKING:
    from ..config import Settings
    from ..parity.manifest import Manifest
    from ..ship.cleaning import Lying
    from ..ship.delivery import Delivered
    from ..ship.mark import Mark
    from ..ship.shelf import Slot
    from ..steps.edf import Written

ToOption = Annotated[
    str, typer.Option("--to", help="Folder of images on the cluster [fcx.toml's, else a new one].")
]
WorkingDir = Annotated[
    str, typer.Option(help="Directory on the cluster [fcx.toml's, else one of yours there].")
]
BuildRemote = Annotated[
    bool | None,
    typer.Option(
        "--build-remote/--build-local",
        help="A job on a compute node builds it, or this machine [fcx.toml's, else this machine].",
    ),
]
Name = Annotated[str, typer.Option(help="an image other than the one in fcx.toml")]
DAY = 86400.0


def ship(
    command: typer.Context,
    *,
    to: ToOption = "",
    working_dir: WorkingDir = "",
    compression: Annotated[
        str, typer.Option(help="zstd, lzo, gzip, xz, lz4 or none: pack it anew [as it is]")
    ] = "",
    sbatch: Annotated[
        list[str] | None, typer.Option(help="An sbatch option of the job; repeatable.")
    ] = None,
    name: Name = "",
    as_json: JsonOption = False,
) -> None:
    """Bring the packed image to the cluster, and have the EDF name it there.

    Packs it unless it is packed. What is there is not sent again, whatever broke off an earlier
    try. A short job joins the pieces, verifies the whole by SHA-256 and gives it its name: a file
    of that name is always whole. An image whose build is there already is not even packed.
    """
    from ..config import Credentials, Settings
    from ..ship.shelf import Slot
    from ..steps import shipment
    from ..steps.project import Project
    from .image import leaving
    from .progress import shown
    from .turn import take_turn

    settings, credentials = Settings.load(), Credentials.from_env(None)
    take_turn(command, settings, name)
    manifest, path = leaving(name)
    shipment.refuse_sarus(settings, credentials)
    slot = Slot.of(shipment.folder(settings, credentials, to, working_dir), manifest)
    with shown() as progress:
        parcel = shipment.Parcel(manifest, path, compression, progress)
        try:
            done = parcel.bring(credentials, slot, shipment.options(settings, sbatch))
        except KeyboardInterrupt:
            say_kept()
            raise
    noted = parcel.note(Project(settings, credentials).system, slot, done)
    _tell_shipped(slot, done, _edf(settings, noted, working_dir), as_json=as_json)


def clean(
    *,
    to: ToOption = "",
    working_dir: WorkingDir = "",
    older_than: Annotated[float, typer.Option(help="Days since an image was shipped.")] = 0.0,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what is there.")] = False,
    name: Name = "",
    as_json: JsonOption = False,
) -> None:
    """List the images that were shipped, and remove those of older builds.

    Only what `fcx image ship` or a building job has left there is touched, and of that only builds
    of this image that neither its manifest nor its EDF names, or that are damaged. Others may use
    them: look at the list.
    """
    from ..config import Credentials, Settings
    from ..ship import bring
    from ..steps import shipment

    settings, credentials = Settings.load(), Credentials.from_env(None)
    image = name or settings.image.name
    folder = shipment.folder(settings, credentials, to, working_dir)
    found = bring.lying(credentials, folder)
    used = _used(settings, image)
    old = [one for one in found if _is_old(one, image, used, older_than)]
    if not as_json:
        _say_lying(folder, found, used, old)
    remove = bool(old) and not dry_run and _agreed(len(old), yes=yes)
    if remove:
        bring.remove(credentials, folder, old)
    if as_json:
        records = [_record(one, used, removed=remove and one in old) for one in found]
        typer.echo(json.dumps(records, indent=2))
    elif remove:
        typer.echo(f"{len(old)} removed.")


def say_kept() -> None:
    """What becomes of what was sent, where the user ends it."""
    typer.echo("What was sent or begun is kept: the same command goes on with it.", err=True)


def _edf(settings: Settings, manifest: Manifest, working_dir: str) -> Written:
    """Write the EDF as `fcx edf write` does."""
    from ..steps.edf import site_of, written

    return written(settings, manifest, site_of(settings, ""), working_dir=working_dir)


def _tell_shipped(slot: Slot, done: Delivered, edf: Written, *, as_json: bool) -> None:
    mark = done.mark
    if as_json:
        said = {"path": slot.image, "build_id": mark.build_id, "size": mark.size}
        said |= {"sha256": mark.sha256, "sent": done.sent, "edf": edf.to_data()}
        typer.echo(json.dumps(said, indent=2))
        return
    size = spoken.size(mark.size)
    how = f"{spoken.size(done.sent)} sent" if done.sent else "is there already, nothing was sent"
    typer.echo(f"{slot.image}: {size}, {how}")
    typer.echo(f"{edf.path}: image {edf.image}")
    if edf.image != slot.image:
        typer.echo(
            f"warning: {edf.path} names another image, which goes before: take that line out to "
            "use the shipped one",
            err=True,
        )
    for warning in edf.warnings:
        typer.echo(f"warning: {warning}", err=True)


def _used(settings: Settings, image: str) -> set[str]:
    """The paths that the image's manifest and EDF name."""
    from ..edf.lookup import finder
    from ..edf.merge import merged_layers
    from ..edf.read import read
    from ..files import EDF_FOLDER, edf_path, manifest_path
    from ..image.manifests import read_manifest

    folder, used = settings.root / EDF_FOLDER, set()
    if manifest_path(image, folder).is_file():
        used = {one.path for one in read_manifest(manifest_path(image, folder)).shipped.values()}
    with suppress(EdfError):  # there is none, or none to be read: then it names nothing
        edf, _ = merged_layers(read(edf_path(image, folder)), finder(os.environ))
        used |= {edf.image} if edf.image else set()
    return used


def _is_old(one: Lying, image: str, used: set[str], days: float) -> bool:
    """Whether it is of an earlier build of the image; pieces count as old as the image would."""
    from ..ship.shelf import IMAGE, is_stem_of

    place = one.path.rpartition("/")[0] + f"/{one.stem}{IMAGE}"
    if not is_stem_of(one.stem, image):
        return False
    if place in used and not (one.damaged or one.job):
        return False
    return not days if one.mark is None else _age(one.mark) >= days * DAY


def _age(mark: Mark) -> float:
    """Seconds; none of one from a clock that is ahead of ours."""
    return max(0.0, time.time() - mark.shipped)


def _agreed(count: int, *, yes: bool) -> bool:
    if yes:
        return True
    if not sys.stdin.isatty():
        raise UsageError("Nothing was removed: say --yes, or --dry-run to look only.")
    return typer.confirm(f"Remove {count} of them?")


def _record(one: Lying, used: set[str], *, removed: bool) -> dict[str, Any]:
    mark = one.mark
    return {
        "path": one.path,
        "name": mark.name if mark else None,
        "build_id": mark.build_id if mark else None,
        "size": mark.size if mark else None,
        "age": round(_age(mark), 1) if mark else None,
        "used": one.path in used,
        "damaged": one.damaged,
        "removed": removed,
    }


def _say_lying(folder: str, found: list[Lying], used: set[str], old: list[Lying]) -> None:
    for one in found:
        what = "pieces of an image that was not joined"
        if one.job:
            what = f"of job {one.job}, which ended before the image was whole"
        if one.mark:
            what = f"{spoken.size(one.mark.size)}, shipped {spoken.ago(_age(one.mark))}"
            what += ", damaged: it is of another size" if one.damaged else ""
        fate = "old" if one in old else "used" if one.path in used else "left alone"
        typer.echo(f"{one.path}: {what}, {fate}")
    if not found:
        typer.echo(f"No image was shipped to {folder}.")
    elif not old:
        typer.echo("There is nothing to remove.")
