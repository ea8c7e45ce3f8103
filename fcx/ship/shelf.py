"""Where images lie on a system, and what the files of one are called there (pure)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import ConfigError
from ..files import plain_name
from ..parity.manifest import Manifest

FOLDER = "fcx-images"
"""Below the working directory, where no other place is named."""

_BEGUN = re.compile(r"\.(.+-[0-9a-f]{16})\.([0-9]+)\.sqsh")
_PARTS = re.compile(r"\.(.+)\.[0-9a-f]{16}\.parts")

IMAGE, MARK, CHUNKS, PARTS = ".sqsh", ".json", ".chunks", ".parts"
ID = 16  # hex digits of a build id in a name: as many as in an image's tag


@dataclass(frozen=True)
class Slot:
    """The place of one image: its file, the mark that says it is ours, its pieces on the way."""

    folder: str
    stem: str
    build_id: str

    @classmethod
    def of(cls, folder: str, manifest: Manifest) -> Slot:
        """For the image of a manifest. Raises ConfigError for one that has no build id."""
        if not manifest.build_id:
            raise ConfigError(
                f"{manifest.name} has no build id: fcx did not build it, and cannot tell it from "
                "another on the cluster. Build it: `fcx image build`."
            )
        return cls.named(folder, manifest.name, manifest.build_id)

    @classmethod
    def named(cls, folder: str, name: str, build_id: str) -> Slot:
        """For a build of an image of this name."""
        return cls(folder, f"{plain_name(name)}-{build_id[:ID]}", build_id)

    @property
    def image(self) -> str:
        """The path that an EDF names."""
        return f"{self.folder}/{self.stem}{IMAGE}"

    @property
    def mark(self) -> str:
        """The path of the record beside it."""
        return f"{self.folder}/{self.stem}{MARK}"

    def parts(self, digest: str) -> str:
        """The folder of the pieces of one plan; hidden, so that nobody takes it for an image."""
        return f"{self.folder}/.{self.stem}.{digest[:ID]}{PARTS}"


def images_folder(given: str, working_dir: str) -> str:
    """The folder of images: the one that is named, else one below the working directory.

    Raises ConfigError for what the API or an EDF cannot take.
    """
    path = given or (f"{working_dir.rstrip('/')}/{FOLDER}" if working_dir else "")
    if not path:
        raise ConfigError(
            "No folder for images: name one with --to, or as `ship_to` under [image] in fcx.toml; "
            "or set working_dir under [executor]."
        )
    if not path.startswith("/"):
        raise ConfigError(f"The folder for images must be an absolute path, not {path!r}.")
    if re.search(r"['\"\\:$`\x00-\x1f\x7f]", path):
        raise ConfigError(
            f"The folder for images {path!r}: neither the API nor an EDF can take quotes, "
            "backslashes, colons, dollars or line breaks in a path. Name another."
        )
    return path.rstrip("/") or "/"


def stem_of_parts(name: str) -> str:
    """The stem whose pieces a folder of this name has; empty where it is no such folder."""
    found = _PARTS.fullmatch(name)
    return found[1] if found else ""


def begun_by(name: str) -> tuple[str, str]:
    """The stem and the job of a file that a building job imports into; empty for any other."""
    found = _BEGUN.fullmatch(name)
    return (found[1], found[2]) if found else ("", "")


def is_stem(name: str) -> bool:
    """Whether it is that of a build of any image, as ``Slot.of`` makes it."""
    return re.fullmatch(rf"[A-Za-z0-9][A-Za-z0-9._-]*-[0-9a-f]{{{ID}}}", name) is not None


def is_stem_of(stem: str, image: str) -> bool:
    """Whether it is that of a build of an image of this name."""
    return re.fullmatch(rf"{re.escape(plain_name(image))}-[0-9a-f]{{{ID}}}", stem) is not None
