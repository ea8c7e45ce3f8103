"""Push the image to a registry, and learn the digest under which it is there."""

from __future__ import annotations

import re
from typing import Any

from ..errors import EngineError, UsageError
from ..parity.manifest import Manifest
from .engine import engine_errors, split_tag
from .progress import Progress, follow_layers

REPOSITORY = re.compile(
    r"[a-zA-Z0-9.-]+(:\d+)?(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)+(:\w[\w.-]{0,127})?"
)


def push(client: Any, image: Any, manifest: Manifest, destination: str, progress: Progress) -> str:
    """Push to ``REGISTRY/NAME[:TAG]``; the tag is the build's unique one unless given.

    Returns ``REGISTRY/NAME@sha256:...``. Credentials are Docker's own and are not stored.
    """
    if not REPOSITORY.fullmatch(destination):
        raise UsageError(
            f"{destination!r} is no REGISTRY/NAME[:TAG]: the registry's host (with :PORT), then "
            "lower-case names, as in registry.example.org/team/image."
        )
    repository, tag = split_tag(destination)
    tag = tag or manifest.build_id[:16] or "latest"
    with engine_errors(f"Pushing to {repository}"):
        image.tag(repository, tag)
        events = client.api.push(repository, tag, stream=True, decode=True)
        digest = follow_layers(events, f"Pushing to {repository}", progress)
        image.reload()
    if digest:
        return f"{repository}@{digest}"
    named = image.attrs.get("RepoDigests") or []
    found = next((name for name in named if name.startswith(repository + "@")), "")
    if not found:
        raise EngineError(
            f"{repository}:{tag} was pushed, but the engine does not say under which digest. Pull "
            "it once and push again."
        )
    return str(found)
