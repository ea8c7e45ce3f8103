"""Images for several processors under one name: a list in the registry, one entry a platform.

Each image is built and pushed alone, wherever; whoever pulls the name gets the one for his machine.
A list of Docker's where all its images are, else an index of OCI's.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import EngineError
from .registry import DOCKER_IMAGE, DOCKER_LIST, LISTS, OCI_INDEX, Repository, Stored

Entry = Mapping[str, Any]


@dataclass(frozen=True)
class Joined:
    """A list as it is in the registry now."""

    name: str
    digest: str
    platforms: tuple[str, ...]


def join(repository: Repository, tag: str, digest: str, platform: str) -> Joined:
    """Have the image of that digest in the list under a tag, as the one for its platform.

    The other entries stay; what was there for this platform goes; a plain image under the tag
    becomes an entry. Raises EngineError.
    """
    image = repository.manifest(digest)
    if image is None:
        raise EngineError(f"{repository.shown} has no {digest}, which was just pushed; try again.")
    present = repository.manifest(tag)
    others = _entries(repository, present) if present and present.digest != digest else []
    entries = [one for one in others if platform_of(one) != platform] + [_entry(image, platform)]
    made = listed(entries)
    if present is None or present.body != made.body:
        repository.put(tag, made)
    platforms = tuple(sorted(filter(None, map(platform_of, entries))))
    return Joined(f"{repository.shown}:{tag}", made.digest, platforms)


def listed(entries: Iterable[Entry]) -> Stored:
    """The list of these images, each for one platform; the same bytes in whatever order."""
    ordered = sorted(entries, key=lambda one: (platform_of(one), str(one.get("digest"))))
    docker = all(one.get("mediaType") == DOCKER_IMAGE for one in ordered)
    kind = DOCKER_LIST if docker else OCI_INDEX
    content = {"schemaVersion": 2, "mediaType": kind, "manifests": ordered}
    return Stored(kind, json.dumps(content, indent=2).encode())


def platform_of(entry: Entry) -> str:
    """``linux/arm64`` of an entry; empty for what is no image but a note on one."""
    named = entry.get("platform") or {}
    system, machine = named.get("os", "unknown"), named.get("architecture", "unknown")
    return "" if "unknown" in (system, machine) else f"{system}/{machine}"


def _entries(repository: Repository, present: Stored) -> list[Entry]:
    """What lies under the tag by now."""
    content = present.content()
    if present.kind in LISTS:
        return [one for one in content.get("manifests") or [] if isinstance(one, dict)]
    config = (content.get("config") or {}).get("digest", "")
    said = Stored("", repository.blob(config)).content() if config else {}
    return [_entry(present, f"{said.get('os', '')}/{said.get('architecture', '')}")]


def _entry(image: Stored, platform: str) -> Entry:
    system, _, machine = platform.partition("/")
    return {
        "mediaType": image.kind,
        "size": len(image.body),
        "digest": image.digest,
        "platform": {"architecture": machine, "os": system},
    }
