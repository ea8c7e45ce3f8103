"""What this node is: for the record that announces an agent, and for the guard."""

import hashlib
import os
import sys
from functools import lru_cache

from ..protocol import probe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional


def file_digest(path: "Optional[str]") -> "Optional[str]":
    """SHA-256 of a file, None where there is none."""
    try:
        with open(path or "", "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    except OSError:
        return None


@lru_cache(maxsize=1)
def content(look: str) -> "Dict[str, Any]":
    """What a program of the client's finds in the image: once, for it reads much."""
    scope: "Dict[str, Any]" = {}
    exec(look, scope)  # noqa: S102 - the client's own, as all programs here are
    return scope


def snapshot(look: "Optional[str]" = None) -> "Dict[str, Any]":
    """The probe's, of the place as a worker would see it; ``look`` tells of the image."""
    path = list(sys.path)
    sys.path[:] = [entry for entry in path if entry]
    try:
        found: "Dict[str, Any]" = probe.snapshot()
        if look:
            found["content"] = content(look)["found"]
        return found
    finally:
        sys.path[:] = path


def distributions() -> str:
    """The digest of all that is installed."""
    listed = sorted("%s==%s" % item for item in snapshot()["distributions"].items())
    return hashlib.sha256("\n".join(listed).encode()).hexdigest()


def announced(edf: "Optional[str]", probe: bool, look: "Optional[str]") -> "Dict[str, Any]":
    """What a record ``up`` tells of the node."""
    return {
        "node": os.uname().nodename,
        "cpus": len(os.sched_getaffinity(0)),
        "edf": file_digest(edf),
        "probe": snapshot(look) if probe else None,
    }


def found(
    edf: "Optional[str]", with_distributions: bool, look: "Optional[str]"
) -> "Dict[str, Any]":
    """What a guard may ask for; what is asked of the workers' Python comes with their hello."""
    place = {
        "implementation": sys.implementation.name,
        "architecture": os.uname().machine,
        "executable": sys.executable,
        "edf": file_digest(edf),
    }  # type: Dict[str, Any]
    place.update(probe.image_ids())
    if look:
        place["content"] = content(look)["summary"]
    if with_distributions:
        place["distributions"] = distributions()
    return place
