"""What this node is: for the record that announces an agent, and for the guard."""

import hashlib
import os
import sys

from ..protocol import probe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional, Union


def file_digest(path: "Optional[str]") -> "Optional[str]":
    """SHA-256 of a file, None where there is none."""
    try:
        with open(path or "", "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    except OSError:
        return None


def snapshot(more: "Union[bool, str]" = True) -> "Dict[str, Any]":
    """The probe's, of the place as a worker would see it; ``more``: a program that adds to it."""
    path = list(sys.path)
    sys.path[:] = [entry for entry in path if entry]
    try:
        found: "Dict[str, Any]" = probe.snapshot()
        if isinstance(more, str):
            scope = {}  # type: Dict[str, Any]
            exec(more, scope)  # noqa: S102 - the client's own, as all programs here are
            found["content"] = scope["found"]
        return found
    finally:
        sys.path[:] = path


def distributions() -> str:
    """The digest of all that is installed."""
    listed = sorted("%s==%s" % item for item in snapshot()["distributions"].items())
    return hashlib.sha256("\n".join(listed).encode()).hexdigest()


def announced(edf: "Optional[str]", probe: "Union[bool, str]") -> "Dict[str, Any]":
    """What a record ``up`` tells of the node."""
    return {
        "node": os.uname().nodename,
        "cpus": len(os.sched_getaffinity(0)),
        "edf": file_digest(edf),
        "probe": snapshot(probe) if probe else None,
    }


def found(edf: "Optional[str]", with_distributions: bool) -> "Dict[str, Any]":
    """What a guard may ask for; what is asked of the workers' Python comes with their hello."""
    place = {
        "implementation": sys.implementation.name,
        "architecture": os.uname().machine,
        "executable": sys.executable,
        "edf": file_digest(edf),
    }  # type: Dict[str, Any]
    place.update(probe.image_ids())
    if with_distributions:
        place["distributions"] = distributions()
    return place
