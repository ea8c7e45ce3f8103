"""Push the image to a registry, and learn the digest under which it is there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ..errors import EngineError, UsageError
from ..parity.manifest import Manifest
from .engine import allows_plain_http, engine_errors, login_for, split_tag
from .platforms import Joined, join
from .progress import Progress, follow_layers
from .registry import Repository, split_host

REPOSITORY = re.compile(
    r"[a-zA-Z0-9.-]+(:\d+)?(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)+(:\w[\w.-]{0,127})?"
)


@dataclass(frozen=True)
class Pushed:
    """``REGISTRY/NAME@sha256:...``, and the list that the image was put into, if any."""

    digest: str
    joined: Joined | None = None


def push(client: Any, image: Any, manifest: Manifest, destination: str, progress: Progress) -> str:
    """Push to ``REGISTRY/NAME[:TAG]``; the tag is the build's unique one unless given.

    Returns ``REGISTRY/NAME@sha256:...``. Credentials are Docker's own and are not stored.
    """
    repository, tag = _named(destination)
    return _push(client, image, repository, tag or _unique(manifest), progress)


def push_joined(
    client: Any, image: Any, manifest: Manifest, destination: str, progress: Progress
) -> Pushed:
    """Push, and have it in the list of images under ``REGISTRY/NAME:TAG`` as its platform's."""
    repository, tag = _named(destination)
    if not tag:
        raise UsageError(
            f"--join wants the tag that the images share: {destination}:TAG, as in "
            "registry.example.org/team/image:1."
        )
    digest = _push(client, image, repository, _unique(manifest), progress)
    host, name = split_host(repository)
    insecure = allows_plain_http(client, host)
    there = Repository(host, name, login_for(host), insecure=insecure)
    progress.step(f"Joining {manifest.platform} into {repository}:{tag}")
    return Pushed(digest, join(there, tag, digest.partition("@")[2], manifest.platform))


def _named(destination: str) -> tuple[str, str]:
    """Repository and tag. Raises UsageError for what cannot be one."""
    if not REPOSITORY.fullmatch(destination):
        raise UsageError(
            f"{destination!r} is no REGISTRY/NAME[:TAG]: the registry's host (with :PORT), then "
            "lower-case names, as in registry.example.org/team/image."
        )
    return split_tag(destination)


def _unique(manifest: Manifest) -> str:
    """The tag that no other build has."""
    return manifest.build_id[:16] or "latest"


def _push(client: Any, image: Any, repository: str, tag: str, progress: Progress) -> str:
    doing, (registry, _) = f"Pushing to {repository}", split_host(repository)
    with engine_errors(doing, registry):
        image.tag(repository, tag)
        events = client.api.push(repository, tag, stream=True, decode=True)
        digest = follow_layers(events, doing, progress, registry)
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
