"""What shipping starts with: the image as a file, its place, the options of the job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..config import Credentials, Settings
from ..errors import UsageError
from ..jobscript.options import Options
from ..parity.manifest import Manifest, Sqsh
from .project import Project, proposed

if TYPE_CHECKING:
    from ..image.progress import Progress
    from ..ship.delivery import Delivered
    from ..ship.shelf import Slot

DEFAULTS = {"--nodes": "--nodes=1", "--ntasks": "--ntasks=1", "--time": "--time=00:30:00"}
"""sbatch options of the job, each where the user's own say nothing of the kind."""


@dataclass
class Parcel:
    """The image as a file: packed when somebody asks for it."""

    manifest: Manifest
    path: Path  # of the manifest
    compression: str
    progress: Progress

    def packed(self, anew: bool) -> Sqsh:
        """What is to be sent: the file that was packed already, if there is one."""
        known = self.manifest.sqsh
        if known and not anew and not self.compression and Path(known.path).is_file():
            return known
        return self._pack()

    def _pack(self) -> Sqsh:
        from ..files import plain_name
        from ..image.engine import connect
        from ..image.manifests import built_image
        from ..image.pack import pack
        from ..records import replace

        target = self.path.with_name(f"{plain_name(self.manifest.name)}.sqsh")
        self.progress.step(f"Packing {target}")
        with closing(connect()) as client:
            image = built_image(client, self.manifest)
            sqsh = pack(client, image, target, self.compression or "zstd")
        self.manifest = replace(self.manifest, sqsh=sqsh)
        return sqsh

    def bring(self, credentials: Credentials, slot: Slot, options: Options) -> Delivered:
        """Have it at its place. Raises NotShipped."""
        from ..ship.bring import bring

        return bring(credentials, slot, self.manifest, options, self.packed, self.progress)

    def note(self, system: str, slot: Slot, done: Delivered) -> Manifest:
        """Have the manifest say where it lies now, as far as it is still of this build.

        It is read again: another build may have taken its place while this one was sent.
        """
        from ..files import write_whole
        from ..image.manifests import read_manifest
        from ..records import replace

        found = read_manifest(self.path)
        ours = found.build_id == self.manifest.build_id
        known = found if ours else self.manifest
        shipped = {**known.shipped, system: done.mark.at(slot.image)}
        noted = replace(known, sqsh=self.manifest.sqsh or known.sqsh, shipped=shipped)
        if ours and noted != found:
            write_whole(self.path, noted.to_json())
        return noted


def folder(settings: Settings, credentials: Credentials, to: str, working_dir: str) -> str:
    """The folder of images: an argument, else fcx.toml's, else one in the working directory."""
    from ..ship.shelf import images_folder

    return named_folder(settings, to, working_dir) or images_folder("", proposed(credentials))


def named_folder(settings: Settings, to: str, working_dir: str) -> str:
    """The same as far as somebody has named it; else empty, and nobody is asked."""
    from ..ship.shelf import images_folder

    given = to or ("" if working_dir else settings.image.ship_to)
    place = working_dir or settings.executor.working_dir
    return images_folder(given, place) if given or place else ""


def refuse_sarus(settings: Settings, credentials: Credentials) -> None:
    """Raise UsageError for a system whose engine takes no image file."""
    name = Project(settings, credentials).system
    if settings.site(name).engine == "sarus":
        raise UsageError(
            f"The engine of {name} is Sarus, which takes no image file, only a reference to a "
            "registry: `fcx image push REGISTRY/NAME`, then `fcx edf write`; `push_to` under "
            "[image] in fcx.toml has `fcx up` do that."
        )


def options(settings: Settings, sbatch: Sequence[str] | None) -> Options:
    """The sbatch options of a small, short job unless they say otherwise."""
    return Options.check(words(settings, sbatch, DEFAULTS), ())


def words(
    settings: Settings, sbatch: Sequence[str] | None, defaults: Mapping[str, str]
) -> list[str]:
    """The options that are given, else those of fcx.toml; and the defaults that neither names."""
    own = list(sbatch if sbatch is not None else settings.executor.sbatch_options)
    given = Options.check(own, ())
    return own + [text for name, text in defaults.items() if not given.gives(name)]
