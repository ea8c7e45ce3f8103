"""The script of the job that joins an image: what it is to do, and ``join.sh`` (pure)."""

from __future__ import annotations

import re
import shlex
from importlib import resources

from ..jobscript.options import Options
from ..jobscript.render import directive_words
from ..protocol.names import DISK_FULL
from .mark import Mark
from .plan import Plan
from .shelf import Slot

FULL, INCOMPLETE, FOREIGN, DAMAGED = DISK_FULL, 80, 81, 82
"""Exit codes: no room; a piece is missing; the name is taken; the file is not what was said."""

STRIPE = 256 << 20  # bytes of an image for each stripe of a Lustre file
MOST_STRIPES = 8
LONGEST_NAME = 60


def script(slot: Slot, plan: Plan, mark: Mark, options: Options, chunks: int = 0) -> str:
    """The whole job script. What would run it in a container is left out of the user's options.

    ``chunks``: bytes of the list of the image's chunks, if one is sent along.
    """
    words = [word for word in options.sbatch if word not in options.place]
    name = re.sub(r"[^A-Za-z0-9-]+", "-", f"fcx-ship-{slot.stem}")[:LONGEST_NAME]
    # What it has to say stands beside the pieces, and goes with them.
    ours = ["--no-requeue", f"--job-name={name}", "--output=/dev/null", "--error=/dev/null"]
    values = {
        "folder": slot.folder,
        "stem": slot.stem,
        "parts": slot.parts(plan.digest),
        "size": plan.size,
        "sha256": plan.sha256,
        "build": mark.build_id,
        "chunks": chunks,
        "stripes": min(MOST_STRIPES, plan.size // STRIPE),
        "FULL": FULL,
        "INCOMPLETE": INCOMPLETE,
        "FOREIGN": FOREIGN,
        "DAMAGED": DAMAGED,
    }
    lines = [
        "#!/bin/sh",
        *(f"#SBATCH {line}" for line in filter(None, map(directive_words, (words, ours)))),
        *(f"{key}={shlex.quote(str(value))}" for key, value in values.items()),
        _prints("record", mark.to_json()),
        _prints("pieces", plan.lines()),
        _prints("ranges", plan.recipe()),
        (resources.files("fcx") / "ship" / "join.sh").read_text("utf-8"),
    ]
    return "\n".join(lines)


def _prints(name: str, text: str) -> str:
    """A function of the shell that prints a text of ours, which ends with a line break."""
    return f"{name}() {{\n  cat <<'FCX_END'\n{text}FCX_END\n}}"
