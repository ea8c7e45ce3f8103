"""The step that brings the image to where the cluster has it from: shipped, or pushed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from .. import spoken
from ..files import write_whole
from ..records import replace
from . import shipment
from .image import Image, is_gone
from .project import Project, leaving
from .step import Done, Look, Show, Step

if TYPE_CHECKING:
    from ..firecrest.client import Client


def away(
    project: Project, show: Show, to: str, working_dir: str, sbatch: Sequence[str] | None
) -> Step:
    """By the registry that `[image]` names, else through the API."""
    if project.settings.image.push_to:
        return Push(project, show)
    ship = Ship(project, show, to, working_dir, sbatch)
    ship.begin()
    return ship


class Ship:
    """As `fcx image ship`, unless this build is there."""

    name = "ship"

    def __init__(
        self,
        project: Project,
        show: Show,
        to: str,
        working_dir: str,
        sbatch: Sequence[str] | None,
    ) -> None:
        self._project = project
        self._show = show
        self._to = to
        self._working_dir = working_dir
        self._sbatch = sbatch
        self._client: Client | None = None
        self._gone = False  # what was shipped is not there as it was

    def begin(self) -> None:
        """Do beside the step before what the look would have to wait for, if it will ask."""
        self._client = self._project.begun_client()

    def look(self) -> Look:
        """Two requests, where this build was shipped at all."""
        from ..firecrest.client import Client
        from ..ship.bring import difference
        from ..ship.compare import FIX
        from ..ship.shelf import Slot

        project = self._project
        manifest = project.manifest()
        if manifest.origin == "adopted":
            return Look(False, f"{manifest.name} was adopted, so it is on the cluster already")
        there = manifest.shipped.get(project.system)
        if there is None:
            return Look(True, f"this build was not on {project.system} yet")
        folder = shipment.named_folder(project.settings, self._to, self._working_dir)
        if folder and Slot.of(folder, manifest).image != there.path:
            return Look(True, f"it was shipped to {there.path}")
        client = self._client or Client(project.credentials)
        wrong = difference(client, there, manifest)
        self._gone = bool(wrong)
        if wrong:
            return Look(True, wrong.removesuffix(FIX).rstrip(" ."))
        return Look(False, f"{there.path} is this build", {"path": there.path})

    def do(self) -> Done:
        """Pack, send, join, and note where it lies."""
        from ..ship.shelf import Slot

        project = self._project
        warnings = self._build_what_is_lost()
        settings, credentials, manifest = project.settings, project.credentials, project.manifest()
        leaving(settings, manifest)
        shipment.refuse_sarus(settings, credentials)
        folder = shipment.folder(settings, credentials, self._to, self._working_dir)
        slot, path = Slot.of(folder, manifest), project.manifest_path
        with self._show() as progress:
            parcel = shipment.Parcel(manifest, path, "", progress)
            done = parcel.bring(credentials, slot, shipment.options(settings, self._sbatch))
        parcel.note(project.system, slot, done)
        size = spoken.size(done.mark.size)
        how = f"{spoken.size(done.sent)} of it sent" if done.sent else "it was there already"
        data = {"path": slot.image, "size": done.mark.size, "sent": done.sent}
        return Done(f"{slot.image}, {size}, {how}", warnings, data=data)

    def _build_what_is_lost(self) -> tuple[str, ...]:
        """Build where nobody has the image any more, and return what is to be said.

        The step before did not, for it went by the manifest: that one asks no server.
        """
        manifest = self._project.manifest()
        if not self._gone or self._project.packed(manifest) or not is_gone(manifest.image_id):
            return ()
        return Image(self._project, self._show).do().warnings


class Push:
    """As `fcx image push`, unless this build was pushed there."""

    name = "push"

    def __init__(self, project: Project, show: Show) -> None:
        self._project = project
        self._show = show

    def look(self) -> Look:
        """By what the manifest says: the registry is not asked."""
        manifest, target = self._project.manifest(), self._project.settings.image.push_to
        if manifest.origin == "adopted":
            return Look(False, f"{manifest.name} was adopted, so the cluster has it already")
        known = manifest.repo_digest
        if known.partition("@")[0] == _repository(target):
            return Look(False, f"this build was pushed as {known}", {"repo_digest": known})
        return Look(True, f"it was pushed as {known}" if known else "this build was not pushed yet")

    def do(self) -> Done:
        """Push it, and note its digest."""
        from ..image.engine import connect
        from ..image.manifests import built_image
        from ..image.push import push

        project = self._project
        manifest = project.manifest()
        leaving(project.settings, manifest)
        target = project.settings.image.push_to
        with closing(connect()) as client, self._show() as progress:
            image = built_image(client, manifest)
            digest = push(client, image, manifest, target, progress)
        write_whole(project.manifest_path, replace(manifest, repo_digest=digest).to_json())
        return Done(f"pushed as {digest}", data={"repo_digest": digest})


def _repository(target: str) -> str:
    """``REGISTRY/NAME`` of what may have a tag; the colon of a registry's port begins none."""
    head, slash, last = target.rpartition("/")
    return head + slash + last.partition(":")[0]
