"""What an image was built of, noted in its manifest, and whether that is still so.

Build arguments and the fcx that is put in are no part of it: the first may come from a command
line that nobody remembers, the second changes with each upgrade.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from ..errors import UsageError
from ..files import EDF_FOLDER
from ..parity.manifest import Manifest, Source
from .context import Context
from .plan import Plan


def source_of(plan: Plan, root: Path) -> Source:
    """What a plan builds of."""
    request = plan.request
    return Source(
        context=os.path.relpath(request.context, root),
        dockerfile=os.path.relpath(request.dockerfile, root),
        digest=_digest(plan.recipe.text, plan.context),
    )


def stale(manifest: Manifest | None, root: Path) -> str:
    """What has changed in the project since the image was built; empty if nothing has.

    A project without these files says nothing either: the image was built elsewhere.
    """
    source = manifest.source if manifest else None
    if source is None:
        return ""
    folder, dockerfile = root / source.context, root / source.dockerfile
    if not folder.is_dir() or not dockerfile.is_file():
        return ""
    try:
        context = Context.from_folder(folder, {}, root / EDF_FOLDER)
        now = _digest(dockerfile.read_text(encoding="utf-8"), context)
    except (OSError, UnicodeDecodeError, UsageError) as error:
        return f"{source.context} cannot be read: {error}"
    same = now == source.digest
    return "" if same else f"{source.dockerfile} or {source.context} as of the build"


def _digest(dockerfile: str, context: Context) -> str:
    own = context.with_files({}).digest()
    return hashlib.sha256(f"{dockerfile}\0{own}".encode()).hexdigest()
