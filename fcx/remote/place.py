"""What this node is: for the record that announces an agent, and for the guard."""

import hashlib
import json
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional

IMAGE_RECORD = "/etc/fcx/image.json"


def image_record() -> "Dict[str, Any]":
    """What the image says of itself; an empty dictionary outside of one of ours."""
    try:
        with open(IMAGE_RECORD) as file:
            known = json.load(file)
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def file_digest(path: "Optional[str]") -> "Optional[str]":
    """SHA-256 of a file, None where there is none."""
    try:
        with open(path or "", "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    except OSError:
        return None


def snapshot() -> "Dict[str, Any]":
    """The probe's, of the place as a worker would see it."""
    from ..protocol import probe  # needed once, and only where nobody has vouched for the place

    path = list(sys.path)
    sys.path[:] = [entry for entry in path if entry]
    try:
        found: "Dict[str, Any]" = probe.snapshot()
        return found
    finally:
        sys.path[:] = path


def distributions() -> str:
    """The digest of all that is installed."""
    listed = sorted("%s==%s" % item for item in snapshot()["distributions"].items())
    return hashlib.sha256("\n".join(listed).encode()).hexdigest()


def announced(edf: "Optional[str]", probe: bool) -> "Dict[str, Any]":
    """What a record ``up`` tells of the node."""
    return {
        "node": os.uname().nodename,
        "cpus": len(os.sched_getaffinity(0)),
        "edf": file_digest(edf),
        "probe": snapshot() if probe else None,
    }


def found(edf: "Optional[str]", with_distributions: bool) -> "Dict[str, Any]":
    """What a guard may ask for; what is asked of the workers' Python comes with their hello."""
    place = {
        "implementation": sys.implementation.name,
        "architecture": os.uname().machine,
        "executable": sys.executable,
        "edf": file_digest(edf),
    }  # type: Dict[str, Any]
    place.update(image_record())
    if with_distributions:
        place["distributions"] = distributions()
    return place
