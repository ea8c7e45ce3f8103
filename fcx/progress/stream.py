"""What a stream can show, and what of it is wanted: a cursor that moves, colours, letters, room."""

from __future__ import annotations

import contextlib
import os
import select
from typing import Any, TextIO

CUT = "…"  # the end of what is cut off, and what stands for it where that cannot be spelt
PLAIN_CUT = "~"


def moves(stream: Any) -> bool:
    """Whether it is a terminal whose cursor can be moved."""
    try:
        terminal = bool(stream.isatty())
    except Exception:  # noqa: BLE001 - a stream of somebody's own, or none
        return False
    return terminal and os.environ.get("TERM", "") not in {"", "dumb", "unknown"}


def coloured(stream: Any) -> bool:
    """Whether colours, bold and dim are wanted there: as the variables say that other programs ask.

    NO_COLOR is above all; FORCE_COLOR and CLICOLOR_FORCE want them also in a file, CLICOLOR=0
    nowhere else.
    """
    if os.environ.get("NO_COLOR"):
        return False
    if any(
        os.environ.get(name, "0") not in {"", "0"} for name in ("FORCE_COLOR", "CLICOLOR_FORCE")
    ):
        return True
    return os.environ.get("CLICOLOR") != "0" and moves(stream)


def spells(stream: Any, text: str) -> bool:
    """Whether it has these letters."""
    try:
        text.encode(_encoding(stream))
    except UnicodeEncodeError:
        return False
    return True


def spelt(text: str, stream: Any) -> str:
    """With another letter for each that it cannot spell: nothing is wider than it was."""
    if spells(stream, text):
        return text
    if not spells(stream, CUT):
        text = text.replace(CUT, PLAIN_CUT)
    encoding = _encoding(stream)
    return text.encode(encoding, "replace").decode(encoding)


def takes(stream: TextIO) -> bool:
    """Whether it takes a line at once. A full pipe does not, nor does a terminal after Ctrl-S.

    Who writes there is held up, and with the stream's lock: also the end of the whole program.
    """
    with contextlib.suppress(OSError, ValueError, AttributeError):  # it has no descriptor
        return bool(select.select([], [stream.fileno()], [], 0)[1])
    return True


def _encoding(stream: Any) -> str:
    return getattr(stream, "encoding", None) or "utf-8"
