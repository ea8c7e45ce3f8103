"""The step that builds the image: as `fcx image build`, where another would come of it."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace

from ..errors import ManifestError
from ..image.request import Request
from ..image.source import differs
from .project import Project
from .step import Done, Look, Show


class Image:
    """No engine has to be there to see that nothing has changed."""

    name = "image"

    def __init__(self, project: Project, show: Show) -> None:
        self._project = project
        self._show = show

    def look(self) -> Look:
        """Whether the source is what the image was built of."""
        project = self._project
        data = {"manifest": str(project.manifest_path)}
        if not project.manifest_path.is_file():
            return Look(True, f"there was no {project.manifest_path}", data)
        try:
            manifest = project.manifest()
        except ManifestError:
            return Look(True, f"{project.manifest_path} is damaged, or another fcx's", data)
        data["build_id"] = manifest.build_id
        if manifest.origin == "adopted":
            return Look(False, f"{manifest.name} was adopted, so it is built elsewhere", data)
        why = differs(manifest, self._request(), project.settings.root)
        if not why and not project.away(manifest) and is_gone(manifest.image_id):
            why = "the engine does not have it any more, and it was not shipped or pushed"
        if why:
            return Look(True, why, data)
        return Look(False, "up to date, its source has not changed since it was built", data)

    def _request(self) -> Request:
        """What fcx.toml asks for, for the nodes of the system: theirs may be other processors."""
        from ..image.plan import OWN

        request = Request.from_settings(self._project.settings)
        site = self._project.platform
        return replace(request, platform=request.platform or (site if site != OWN else ""))

    def do(self) -> Done:
        """Build it, and write its manifest."""
        from ..image.build import build

        settings = self._project.settings
        with self._show() as progress:
            built = build(self._request(), settings, progress)
        manifest = built.manifest
        said = f"{manifest.tag} {'built' if built.fresh else 'was built already'}"
        data = json.loads(manifest.to_json())
        more = {name: data[name] for name in ("build_id", "image_id", "tag", "size")}
        return Done(said, built.warnings, data={**more, "manifest": str(built.path)})


def is_gone(image_id: str) -> bool:
    """Whether the engine lacks it: then nobody could bring it to the cluster."""
    from ..image.engine import connect, find_image

    with closing(connect()) as client:
        return not image_id or find_image(client, image_id) is None
