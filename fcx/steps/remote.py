"""The step that has a job build the image where it is to run, in the place of build and ship."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from .. import spoken
from ..config import Settings
from ..errors import UsageError
from ..files import write_whole
from ..image.request import Request
from ..image.source import differs
from . import shipment
from .project import Project
from .step import Done, Look, Show

if TYPE_CHECKING:
    from ..image.build import Built
    from ..parity.manifest import Manifest

DEFAULTS = {**shipment.DEFAULTS, "--time": "--time=01:00:00"}
"""sbatch options of the job, each where the user's own say nothing of the kind."""


class RemoteImage:
    """As `fcx image build --build-remote`, where another image would come of it, or it is gone."""

    name = "image"

    def __init__(
        self,
        project: Project,
        show: Show,
        request: Request,
        to: str,
        working_dir: str,
        sbatch: Sequence[str] | None,
    ) -> None:
        _refuse_what_cannot_be(project, request)
        self._project = project
        self._show = show
        self._given = request
        self._to = to
        self._working_dir = working_dir
        self._sbatch = sbatch
        self._client = project.begun_client()

    @cached_property
    def _request(self) -> Request:
        """What is to be built, for the platform of the system."""
        from ..image.plan import OWN

        given, site = self._given, self._project.platform
        if given.platform and site and given.platform != site:
            raise UsageError(
                f"{self._project.system} has nodes of {site}, and the image is to be for "
                f"{given.platform}. Leave --platform out, and `platform` under [image] in fcx.toml."
            )
        return replace(given, platform=given.platform or site or OWN)

    def look(self) -> Look:
        """Whether the source is what the image was built of, and it lies there: two requests."""
        from ..firecrest.client import Client
        from ..ship.bring import difference
        from ..ship.compare import FIX

        project, request = self._project, self._request
        path = project.manifest_path_of(request.name)
        data = {"manifest": str(path)}
        manifest = self._known()
        if manifest is None:
            return Look(True, f"there was no {path}, or none that this fcx can read", data)
        if manifest.origin == "adopted":
            return Look(False, f"{manifest.name} was adopted, so it is built elsewhere", data)
        if request.no_cache or request.pull:
            return Look(True, "it was asked for anew", data)
        why = differs(manifest, request, project.settings.root)
        there = manifest.shipped.get(project.system)
        if not why and there is None:
            why = f"this build is not on {project.system}"
        if why or there is None:
            return Look(True, why, data)
        wrong = self._elsewhere(there.path) or difference(
            self._client or Client(project.credentials), there, manifest
        )
        if wrong:
            return Look(True, wrong.removesuffix(FIX).rstrip(" ."), data)
        data |= {"build_id": manifest.build_id, "path": there.path}
        return Look(False, f"its source has not changed since {there.path} was built", data)

    def _known(self) -> Manifest | None:
        """The manifest of an earlier build, if it can be read."""
        from ..image.manifests import earlier_manifest

        return earlier_manifest(self._project.manifest_path_of(self._request.name))

    def _elsewhere(self, path: str) -> str:
        """That the image lies in another folder than the one that is named; empty if not."""
        folder = shipment.named_folder(self._project.settings, self._to, self._working_dir)
        same = not folder or path.rpartition("/")[0] == folder
        return "" if same else f"it was built into {path}"

    def do(self) -> Done:
        """Have it built; its manifest says where it lies."""
        built, sent = self.build()
        manifest = built.manifest
        there = manifest.shipped[self._project.system]
        said = f"{there.path} built there, {spoken.size(there.size)}"
        said += f", {spoken.size(sent)} of context sent" if sent else ""
        data = json.loads(manifest.to_json())
        more = {name: data[name] for name in ("build_id", "image_id", "tag")}
        more |= {"path": there.path, "size": there.size, "sent": sent, "manifest": str(built.path)}
        return Done(said, built.warnings, data=more)

    def build(self) -> tuple[Built, int]:
        """The same for whoever asks for more: what was built, the bytes that were sent."""
        from ..buildjob.build import build
        from ..buildjob.order import Order
        from ..files import EDF_FOLDER
        from ..image.build import Built, warnings_of
        from ..image.plan import Plan
        from ..image.source import source_of
        from ..jobscript.options import Options

        project, request = self._project, self._request
        settings, credentials = project.settings, project.credentials
        shipment.refuse_sarus(settings, credentials)
        folder = shipment.folder(settings, credentials, self._to, self._working_dir)
        words = shipment.words(settings, self._sbatch, DEFAULTS)
        plan = Plan.from_request(request, settings.root / EDF_FOLDER)
        order = Order.of(plan, request.platform, folder, settings.remote_build)
        source = source_of(plan, settings.root)
        with self._show() as progress:
            made = build(
                credentials, order, Options.check(words, ()), source, project.system, progress
            )
        path = project.manifest_path_of(request.name)
        write_whole(path, made.manifest.to_json())
        warnings = (*made.warnings, *warnings_of(plan, made.manifest, settings))
        return Built(made.manifest, path, True, warnings, plan.filled), made.sent

    def unchanged(self) -> Built:
        """The same where there was nothing to do."""
        from ..image.build import Built

        manifest = self._known()
        assert manifest is not None
        return Built(manifest, self._project.manifest_path_of(manifest.name), False, (), {})


def _refuse_what_cannot_be(project: Project, request: Request) -> None:
    if request.secrets:
        raise UsageError(
            "--secret stays on this machine, where BuildKit takes it; a job on the cluster gets "
            "none. Build here, or have the step fetch what it needs without it."
        )
    if project.settings.image.push_to:
        raise UsageError(
            "An image that a job builds lies on the cluster as a file, and goes to no registry: "
            "take `push_to` out of [image] in fcx.toml, or build on this machine."
        )


def is_remote(settings: Settings, asked: bool | None) -> bool:
    """Whether a job is to build the image: by the command line, else by ``[image] build``."""
    return settings.image.build == "remote" if asked is None else asked
