"""The images that a Dockerfile starts from: found in the engine, or pulled."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ..errors import EngineError
from .advice import is_network
from .engine import engine_errors, find_image, split_tag
from .progress import Progress, follow_layers
from .recipe import Recipe, same_platform
from .registry import split_host

KIN = {"linux/amd64": "linux/386", "linux/arm64": "linux/arm"}
"""What a processor runs beside its own: an image of that kind will do where nobody chose."""

NO_IMAGE = "scratch"  # what a FROM line calls the empty image


def base_images(
    client: Any, recipe: Recipe, platforms: Platforms, *, pull: bool, progress: Progress
) -> dict[str, Any]:
    """{name: image} of the bases, pulled where the engine lacks them or ``pull`` asks for it.

    Raises EngineError for one that is to be had for another platform alone.
    """
    found = {}
    for name in recipe.bases:
        if name == NO_IMAGE:
            continue
        wanted = recipe.elsewhere.get(name, platforms.wanted)
        image = None if pull else find_image(client, name)
        if image is None or not platforms.serves(image, wanted):
            asked = "" if image is None and wanted == platforms.local else wanted
            image = _pull(client, name, asked, image, progress)
        found[name] = image
    return found


@dataclass(frozen=True)
class Platforms:
    """What the engine builds for by itself, and what it is to build for."""

    local: str
    wanted: str

    def serves(self, image: Any, wanted: str) -> bool:
        """Whether an image is of a platform, or at least runs on the engine's own, where meant."""
        found = platform_of(image)
        kin = KIN.get(self.local) if wanted == self.local else None
        return same_platform(found, wanted) or found == kin


def platform_of(image: Any) -> str:
    """As its record has it: ``linux/arm64``."""
    return f"{image.attrs.get('Os', '')}/{image.attrs.get('Architecture', '')}"


def _pull(client: Any, name: str, platform: str, other: Any | None, progress: Progress) -> Any:
    """Pull it; ``other`` is what the engine has under that name for another platform."""
    repository, tag = split_tag(name)
    registry, _ = split_host(repository)
    progress.step(f"Pulling {name}")
    doing = f"Pulling the base image {name}" + (f" for {platform}" if platform else "")
    try:
        with engine_errors(doing, registry):
            events = client.api.pull(
                repository, tag or "latest", stream=True, decode=True, platform=platform or None
            )
            follow_layers(events, doing, progress, registry)
    except EngineError as error:
        has = f" The engine has {name} for {platform_of(other)} only." if other is not None else ""
        if is_network(str(error)):
            had = f" With {name} in the engine (`docker images`) no network is needed."
            raise EngineError(f"{error}{has or had}") from error
        raise EngineError(f"{error}{has}{_other_base(name)}") from error
    image = find_image(client, name)
    if image is None or (platform and not same_platform(platform_of(image), platform)):
        found = platform_of(image) if image is not None else "nothing"
        raise EngineError(
            f"The base image {name} is for another processor: wanted {platform}, found {found} "
            "under that name. Take a base that is made for it, or a tag that has several platforms."
        )
    return image


def _other_base(name: str) -> str:
    if re.search(r"(^|/)python:\d+\.\d+\.\w+-slim$", name):
        minor = name.rpartition(":")[2].rpartition(".")[0]
        return (
            " Is there a base for this Python? `--build-arg PYTHON_VERSION=" + minor + "` takes "
            "the newest patch of it, `--build-arg BASE_IMAGE=NAME` another base."
        )
    return " Look at its name and at the network; a private registry needs `docker login`."
