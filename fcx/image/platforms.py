"""Images for several processors under one name: a list in the registry, one entry a platform.

Each image is built and pushed alone, wherever; whoever pulls the name gets the one for his machine.
A list of Docker's where all its images are, else an index of OCI's.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import EngineError
from .registry import DOCKER_IMAGE, DOCKER_LIST, LISTS, OCI_INDEX, Repository, Stored

Entry = Mapping[str, Any]


TRIES = 5  # times that a list is written, where others write it too
PAUSE = 0.3  # seconds before a list is read again; longer where the registry is slow


@dataclass(frozen=True)
class Joined:
    """A list as it is in the registry now, and what was left out: images that it has lost."""

    name: str
    digest: str
    platforms: tuple[str, ...]
    lost: tuple[str, ...] = ()


def join(repository: Repository, tag: str, digest: str, platform: str) -> Joined:
    """Have the image of that digest in the list under a tag, as the one for its platform.

    The other entries stay, but those whose images the registry has no more; what was there for
    this platform goes; a plain image under the tag becomes an entry. Raises EngineError.
    """
    image = repository.manifest(digest)
    if image is None:
        raise EngineError(f"{repository.shown} has no {digest}, which was just pushed; try again.")
    own, others, lost = _entry(image, platform), list[Entry](), list[Entry]()
    for left in range(TRIES, -1, -1):
        began = time.monotonic()
        present = _present(repository, tag)
        if present and present.digest != digest:
            others = _with(others, _entries(repository, tag, present))
        entries = [one for one in others if platform_of(one) != platform and one not in lost]
        made = listed([*entries, own])
        if present and present.body == made.body:
            platforms = sorted(filter(None, map(platform_of, (*entries, own))))
            name, without = f"{repository.shown}:{tag}", tuple(map(_shown, lost))
            return Joined(name, present.digest, tuple(platforms), without)
        if left:
            lost += _put(repository, tag, made, entries)
            # There is no lock: another join that had read before us writes over what we wrote.
            time.sleep(random.uniform(1, 3) * max(PAUSE, time.monotonic() - began))  # noqa: S311
    raise EngineError(
        f"{repository.shown}:{tag} was written {TRIES} times, and each time something else lay "
        "there a moment later: others push to it. Try again when they are done."
    )


def _present(repository: Repository, tag: str) -> Stored | None:
    """What lies under the tag; a registry may stumble over what is just being written."""
    for _ in range(2):
        try:
            return repository.manifest(tag)
        except EngineError:
            time.sleep(PAUSE)
    return repository.manifest(tag)


def _put(repository: Repository, tag: str, made: Stored, entries: list[Entry]) -> list[Entry]:
    """Write the list; where that is refused, the entries whose images the registry has lost."""
    try:
        repository.put(tag, made)
    except EngineError:
        lost = [one for one in entries if repository.manifest(str(one.get("digest"))) is None]
        if not lost:
            raise
        return lost
    return []


def _with(before: list[Entry], found: list[Entry]) -> list[Entry]:
    """What lies there now, and what lay there before and was written over by another join."""
    have = {_key(one) for one in found}
    return [*found, *(one for one in before if _key(one) not in have)]


def _key(entry: Entry) -> str:
    return platform_of(entry) or str(entry.get("digest"))


def _shown(entry: Entry) -> str:
    return f"{platform_of(entry) or 'a note'} ({entry.get('digest')})"


def listed(entries: Iterable[Entry]) -> Stored:
    """The list of these images, each for one platform; the same bytes in whatever order."""
    ordered = sorted(entries, key=lambda one: (platform_of(one), str(one.get("digest"))))
    docker = all(one.get("mediaType") == DOCKER_IMAGE for one in ordered)
    kind = DOCKER_LIST if docker else OCI_INDEX
    content = {"schemaVersion": 2, "mediaType": kind, "manifests": ordered}
    return Stored(kind, json.dumps(content, indent=2).encode())


def platform_of(entry: Entry) -> str:
    """``linux/arm64`` of an entry; empty for what is no image but a note on one."""
    said = _table(entry.get("platform"))
    named = [said.get("os"), said.get("architecture")]
    known = all(isinstance(one, str) and one not in ("", "unknown") for one in named)
    return "/".join(map(str, named)) if known else ""


def _entries(repository: Repository, tag: str, present: Stored) -> list[Entry]:
    """What lies under the tag by now. Raises EngineError for an image of no platform."""
    content = present.content()
    if present.kind in LISTS:
        listed = content.get("manifests")
        return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    config = _table(content.get("config")).get("digest")
    said = Stored("", repository.blob(config)).content() if isinstance(config, str) else {}
    entry = _entry(present, f"{said.get('os', '')}/{said.get('architecture', '')}")
    if not platform_of(entry):
        raise EngineError(
            f"What lies under {repository.shown}:{tag} is no image that says its platform, so it "
            "cannot be in a list of images. Join under another tag, or delete this one first."
        )
    return [entry]


def _table(said: Any) -> Entry:
    """What a registry has where an object should be; empty for anything else."""
    return said if isinstance(said, dict) else {}


def _entry(image: Stored, platform: str) -> Entry:
    system, _, machine = platform.partition("/")
    return {
        "mediaType": image.kind,
        "size": len(image.body),
        "digest": image.digest,
        "platform": {"architecture": machine, "os": system},
    }
