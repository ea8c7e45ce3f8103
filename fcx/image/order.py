"""One order for the engine: build this context under this tag."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO, Any

from ..errors import BuildFailed
from .builder import Builder
from .buildkit import run_client
from .classic import follow_events
from .context import Context
from .engine import engine_errors, find_image
from .progress import Progress

DOING = "Building the image"


@dataclass(frozen=True)
class Order:
    """All that the engine needs to know for one build."""

    context: Context
    dockerfile: str
    tag: str
    platform: str
    no_cache: bool
    build_args: Mapping[str, str] = field(default_factory=dict)
    automatic: Mapping[str, str] = field(default_factory=dict)  # what BuildKit sets by itself
    secrets: tuple[str, ...] = ()


def run_build(client: Any, builder: Builder, order: Order, progress: Progress) -> Any:
    """Build and return the image. Raises BuildFailed with the step, its last lines and its code."""
    with tempfile.TemporaryFile() as archive:
        try:
            order.context.write_tar(archive)
        except OSError as error:
            raise BuildFailed(
                f"The build context cannot be packed: {error}. Is there room in "
                f"{tempfile.gettempdir()} (TMPDIR names another place)?"
            ) from error
        if builder.command:
            _by_client(client, builder, order, archive, progress)
        else:
            _by_sdk(client, order, archive, progress)
    image = find_image(client, order.tag)
    if image is None:
        raise BuildFailed(f"{DOING} ended without an image and without an error; try again.")
    return image


def _by_client(
    client: Any, builder: Builder, order: Order, archive: IO[bytes], progress: Progress
) -> None:
    command = [*builder.command, "--file", order.dockerfile, "--tag", order.tag]
    command += ["--platform", order.platform] if order.platform else []
    command += [word for secret in order.secrets for word in ("--secret", secret)]
    command += ["--no-cache"] if order.no_cache else []
    env = {**os.environ, "DOCKER_HOST": client.where}
    run_client(command, archive, order.build_args, env, progress)


def _by_sdk(client: Any, order: Order, archive: IO[bytes], progress: Progress) -> None:
    with engine_errors(DOING):
        stream = client.api.build(
            fileobj=archive,
            custom_context=True,
            dockerfile=order.dockerfile,
            tag=order.tag,
            buildargs={**order.automatic, **order.build_args},
            platform=order.platform or None,
            nocache=order.no_cache,
            rm=True,
            forcerm=True,
            decode=True,
        )
        follow_events(stream, progress)
