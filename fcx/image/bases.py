"""The images that a Dockerfile starts from: found in the engine, or pulled."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ..errors import EngineError
from .advice import is_network
from .engine import engine_errors, find_image, split_tag
from .progress import Progress, follow_layers

NO_IMAGE = "scratch"  # what a FROM line calls the empty image


def base_images(
    client: Any, names: Iterable[str], platform: str, *, pull: bool, progress: Progress
) -> dict[str, Any]:
    """{name: image} of the bases, pulled where the engine lacks them or ``pull`` asks for it."""
    found = {}
    for name in names:
        if name == NO_IMAGE:
            continue
        image = None if pull else find_image(client, name)
        if image is None or (platform and not _serves(image, platform)):
            image = _pull(client, name, platform, progress)
        found[name] = image
    return found


def _serves(image: Any, platform: str) -> bool:
    parts = platform.split("/")
    return bool(parts[0] == image.attrs.get("Os") and parts[1:2] == [image.attrs["Architecture"]])


def _pull(client: Any, name: str, platform: str, progress: Progress) -> Any:
    repository, tag = split_tag(name)
    progress.step(f"Pulling {name}")
    doing = f"Pulling the base image {name}" + (f" for {platform}" if platform else "")
    try:
        with engine_errors(doing):
            events = client.api.pull(
                repository, tag or "latest", stream=True, decode=True, platform=platform or None
            )
            follow_layers(events, doing, progress)
    except EngineError as error:
        if is_network(str(error)):
            raise
        raise EngineError(f"{error}{_other_base(name)}") from error
    image = find_image(client, name)
    if image is None or (platform and not _serves(image, platform)):
        raise EngineError(f"{doing} brought another platform: the image is not made for it.")
    return image


def _other_base(name: str) -> str:
    if re.search(r"(^|/)python:\d+\.\d+\.\w+-slim$", name):
        minor = name.rpartition(":")[2].rpartition(".")[0]
        return (
            " Is there a base for this Python? `--build-arg PYTHON_VERSION=" + minor + "` takes "
            "the newest patch of it, `--build-arg BASE_IMAGE=NAME` another base."
        )
    return " Look at its name and at the network; a private registry needs `docker login`."
