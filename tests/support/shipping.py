"""An image to ship: a manifest with a build id, and a file of bytes that no two have."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

from fcx.parity.manifest import Manifest, Sqsh
from fcx.parity.snapshot import Snapshot
from fcx.protocol import probe
from fcx.records import replace
from fcx.ship.shelf import Slot


def bytes_of(seed: int, size: int) -> bytes:
    """The same for the same seed."""
    return random.Random(seed).randbytes(size)


def packed(path: Path, data: bytes) -> Sqsh:
    """As `fcx image pack` leaves a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return Sqsh(str(path), hashlib.sha256(data).hexdigest())


def manifest(name: str = "thing", build: str = "ab" * 32, sqsh: Sqsh | None = None) -> Manifest:
    """Of the interpreter that runs the tests, as if it were an image that fcx has built."""
    adopted = Manifest.adopt(name, Snapshot.from_probe(probe.snapshot()))
    return replace(adopted, origin="built", build_id=build, sqsh=sqsh, tag=f"{name}:{build[:16]}")


def slot(folder: Path, **named: str) -> Slot:
    """Its place."""
    return Slot.of(str(folder), manifest(**named))
