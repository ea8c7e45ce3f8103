"""Push the image to a registry, and learn the digest under which it is there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from docker.utils import parse_repository_tag

from ..errors import EngineError, UsageError
from ..parity.manifest import Manifest
from .build import Progress, tell_layer
from .engine import engine_errors, explain

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
    repository, tag = parse_repository_tag(destination)
    tag = tag or manifest.build_id[:16] or "latest"
    with engine_errors(f"Pushing to {repository}"):
        image.tag(repository, tag)
        events = client.api.push(repository, tag, stream=True, decode=True)
        digest = _follow(events, f"Pushing to {repository}", progress)
        image.reload()
    named = image.attrs.get("RepoDigests") or []
    found = next((name for name in named if name.startswith(repository + "@")), "")
    if digest:
        return f"{repository}@{digest}"
    if not found:
        raise EngineError(
            f"{repository}:{tag} was pushed, but the engine does not say under which digest. Pull "
            "it once and push again."
        )
    return found


def _follow(events: Iterable[Mapping[str, Any]], doing: str, progress: Progress) -> str:
    """Follow the push to its end; the digest that the registry answered with."""
    digest = ""
    for event in events:
        if "error" in event:
            raise EngineError(explain(doing, str(event["error"])))
        tell_layer(event, progress)
        digest = str((event.get("aux") or {}).get("Digest") or digest)
    return digest
