"""What is said of a build that failed: the step, its last lines, its code, what to do (pure)."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence

from ..protocol import probe
from .advice import FULL, explain
from .context import RECORD_STEP

LAST_LINES = 15
CODE = re.compile(r"(?:non-zero code:|exit(?:ed with)? (?:status|code):?)\s*(\d+)")


def failure(step: str, lines: Sequence[str], words: str, code: object = None) -> str:
    """``step`` as the engine names it, ``words`` as it puts the failure."""
    words = words.strip()
    match = CODE.search(words)
    code = code or (match[1] if match else "")
    output = "".join(f"\n  | {line}" for line in lines)
    short = step if len(step) <= 300 else step[:300] + " ..."
    where = f"The build failed in {short!r}" if step else "The build failed before its first step"
    how = f" with exit code {code}" if code else ""
    if FULL in (words + output).lower():
        return explain(f"{where}{how}: the disk is full. Its last lines:{output}\nThe build", FULL)
    if "exec format error" in words + output:
        return explain(f"{where}{how}. Its last lines:{output}\nThe step", "exec format error")
    if not step:
        return explain("Building the image", words)
    if own := own_step(step):
        return f"{where}: {words}\n{own}"
    return (
        f"{where}{how}. Its last lines:{output}\n  {words}\nCorrect that step in the Dockerfile, "
        "or what it reads from the context, and build again: the steps before it are cached."
    )


def own_step(step: str) -> str:
    """What is to be done where a step of fcx's own fails; empty for one of the user's."""
    if RECORD_STEP not in step:
        return ""
    return (
        "That step is fcx's own, by which the image says who it is: it must "
        f"leave {probe.IMAGE_RECORD} free. Have the Dockerfile, or its base, put nothing else "
        f"there, nor a file in the place of {posixpath.dirname(probe.IMAGE_RECORD)}."
    )
