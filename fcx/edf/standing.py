"""How an EDF stands to its image: which step is missing, and the command for it (pure).

What was built of another source, or written for another build, is a difference of its own
(``parity.image.outdated``).
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from ..parity.manifest import Manifest
from .reference import Reference

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
"""Hosts whose cluster is this machine: it has the images that are here."""


def said(
    source: str, build_id: str, image: str, manifest: Manifest | None, place: str
) -> Iterator[str]:
    """In a line each. ``source`` is the EDF's file, written for that build and naming that image.

    ``place``: the server's URL and the system.
    """
    if manifest is None:
        if build_id:
            yield (
                f"{source} is of an image that fcx built ({build_id[:12]}), and the image's "
                "manifest does not lie beside it: image and client are not compared before a job "
                "runs. Fix: `fcx up`, or bring the manifest there"
            )
        return
    if manifest.origin != "built" or build_id != manifest.build_id or image not in _here(manifest):
        return
    url, _, system = place.rpartition(" ")
    if manifest.shipped.get(system) or manifest.repo_digest:
        how = "shipped" if manifest.shipped.get(system) else "pushed"
        yield (
            f"{source} is older than the place of its image: it names the one on this machine, and "
            f"that was {how} since. Fix: `fcx edf write`"
        )
    elif urlsplit(url).hostname not in LOOPBACK:
        yield (
            f"the image {manifest.name} is on this machine only, so {system} cannot run it. Fix: "
            "`fcx image ship` (or `fcx image push REGISTRY/NAME`, then `fcx edf write`); `fcx up` "
            "does whatever is missing"
        )


def _here(manifest: Manifest) -> set[str]:
    """What an EDF calls an image that has gone nowhere."""
    names = [manifest.tag, manifest.sqsh.path if manifest.sqsh else ""]
    return {Reference.parse(name).spelt(engine) for name in names if name for engine in ("ce", "")}
