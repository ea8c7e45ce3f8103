"""The script of the job that joins an image: what it is to do, and ``join.sh`` (pure).

What a script of another job that takes what was sent is made of is here, too.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
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
    """The whole job script; ``chunks``: bytes of the list of the image's chunks, if one is sent."""
    # What it has to say stands beside the pieces, and goes with them.
    files = ["--output=/dev/null", "--error=/dev/null"]
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
        *directives(options, f"fcx-ship-{slot.stem}", files),
        *assignments(values),
        prints("record", mark.to_json()),
        joining(plan),
        (resources.files("fcx") / "ship" / "join.sh").read_text("utf-8"),
    ]
    return "\n".join(lines)


def directives(options: Options, name: str, files: Sequence[str]) -> list[str]:
    """The user's options, but for those that would run it in a container; then ours."""
    words = [word for word in options.sbatch if word not in options.place]
    name = re.sub(r"[^A-Za-z0-9-]+", "-", name)[:LONGEST_NAME]
    ours = ["--no-requeue", f"--job-name={name}", *files]
    return [f"#SBATCH {line}" for line in filter(None, map(directive_words, (words, ours)))]


def assignments(values: Mapping[str, object]) -> list[str]:
    """Variables of the shell."""
    return [f"{key}={shlex.quote(str(value))}" for key, value in values.items()]


def joining(plan: Plan) -> str:
    """``pieces.sh``, and what it is about."""
    text = (resources.files("fcx") / "ship" / "pieces.sh").read_text("utf-8")
    return "\n".join((prints("pieces", plan.lines()), prints("ranges", plan.recipe()), text))


def prints(name: str, text: str) -> str:
    """A function of the shell that prints a text of ours, which ends with a line break."""
    return f"{name}() {{\n  cat <<'FCX_END'\n{text}FCX_END\n}}"
