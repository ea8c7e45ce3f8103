"""What an image was built of, noted in its manifest, and whether that is still so.

The fcx that is put in is no part of it: it changes with each upgrade. Build arguments are noted
apart: they may come from a command line that nobody remembers. What a large context comes to is
remembered for as long as its files have the same sizes and times on this machine.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from ..errors import StateError, UsageError
from ..files import EDF_FOLDER
from ..parity.manifest import Manifest, Source
from ..records import replace
from ..state.facts import Facts
from .context import Context
from .plan import Plan, read_dockerfile
from .request import Request

SMALL = 1 << 20  # bytes of a context that is read each time
AGE = 90 * 86400.0  # seconds for which a larger one is remembered


def source_of(plan: Plan, root: Path) -> Source:
    """What a plan builds of."""
    request = plan.request
    text = read_dockerfile(request.dockerfile).text
    return Source(
        context=os.path.relpath(request.context, root),
        dockerfile=os.path.relpath(request.dockerfile, root),
        digest=_digest(text, plan.context.with_files({}).digest()),
        asked=asked(request),
    )


def asked(request: Request) -> str:
    """The SHA-256 of what a build was asked for beside its files: arguments and a stage."""
    words = [request.target, *(f"{name}={value}" for name, value in request.build_args.items())]
    return hashlib.sha256("\0".join(sorted(words)).encode("utf-8", "surrogateescape")).hexdigest()


def differs(manifest: Manifest, request: Request, root: Path) -> str:
    """Why another image would come of building now; empty if none would.

    Newer bases are not looked for: that takes an engine, as in `fcx image build --pull`.
    """
    source = manifest.source
    if source is None:
        return "it is not known of what it was built"
    place = os.path.relpath(request.context, root), os.path.relpath(request.dockerfile, root)
    for was, words in (
        (place != (source.context, source.dockerfile), f"it was built of {source.dockerfile}"),
        (source.asked != asked(request), "it was built with other arguments, or of another stage"),
        (request.platform not in ("", manifest.platform), f"it was for {manifest.platform}"),
        (request.python not in ("", manifest.python.executable), "its Python was another"),
    ):
        if was:
            return words
    return f"{place[1]} or {place[0]} has changed" if stale(manifest, root) else ""


def stale(manifest: Manifest | None, root: Path) -> str:
    """What has changed in the project since the image was built; empty if nothing has.

    A project without these files says nothing either: the image was built elsewhere.
    """
    source = manifest.source if manifest else None
    if source is None:
        return ""
    if not (root / source.context).is_dir() or not (root / source.dockerfile).is_file():
        return ""
    try:
        same = source_now(source, root) == source
    except (OSError, UsageError) as error:
        return f"{source.context} cannot be read: {error}"
    return "" if same else f"{source.dockerfile} or {source.context} as of the build"


def source_now(source: Source, root: Path) -> Source:
    """The same source as its files are now."""
    folder = root / source.context
    dockerfile = root / source.dockerfile
    context = Context.from_folder(folder, {}, root / EDF_FOLDER, dockerfile)
    text = read_dockerfile(dockerfile).text
    return replace(source, digest=_digest(text, _remembered(folder, context)))


def _digest(dockerfile: str, context: str) -> str:
    return hashlib.sha256(f"{dockerfile}\0{context}".encode("utf-8", "surrogateescape")).hexdigest()


def _remembered(folder: Path, context: Context) -> str:
    """The digest of a context, read only where something of it was touched since the last time."""
    known = [(entry.name, entry.path.stat()) for entry in context.entries if entry.path]
    if sum(status.st_size for _, status in known) <= SMALL:
        return context.digest()
    facts = [(name, s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino) for name, s in known]
    others = [(entry.name, entry.target) for entry in context.entries if not entry.path]
    stamp = hashlib.sha256(repr((facts, others)).encode("utf-8", "surrogateescape")).hexdigest()
    key, memory = f"context {folder.resolve()}", Facts()
    with suppress(StateError):
        found = memory.get(key, AGE)
        if isinstance(found, list) and found[:1] == [stamp]:
            return str(found[-1])
    digest = context.digest()
    with suppress(StateError):
        memory.store(key, [stamp, digest])
    return digest
