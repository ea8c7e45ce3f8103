"""Which way of showing: what was asked for, and what there is to show it on."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable

from ..config import Wanted
from .kernel import shell
from .sinks import Lines, Notebook, Sink, Terminal, plain
from .stream import moves
from .turn import device

SERVICES = ("BUILD_ID", "BUILDKITE", "GITHUB_ACTIONS", "GITLAB_CI", "TEAMCITY_VERSION", "TF_BUILD")
"""Variables that services set which may not set ``CI``."""


def sink_for(
    wanted: Wanted, logger: logging.Logger, look: Callable[[], None]
) -> tuple[str, Sink] | None:
    """A way of showing, with what tells it from others; None: nothing is shown.

    Where nobody has said how (None, True), logging comes first: who has it wants lines there.
    ``look`` has the display look at once.
    """
    if wanted is False or (wanted is None and _at_a_prompt()):
        return None
    if wanted in {None, True} and heard(logger):
        return f"log {logger.name}", Lines(logger.info)
    if shell() is not None:
        return "notebook", Notebook(look)
    stream = sys.stderr  # None where a program has no such stream
    if stream is not None and can_draw(stream):
        return f"terminal {device(stream) or id(stream)}", Terminal(stream, panel=wanted != "line")
    if stream is not None and wanted is not None:
        return f"lines {id(stream)}", plain(stream)
    return None


def heard(logger: logging.Logger) -> bool:
    """Whether the application is under logging: an INFO of this logger reaches a handler.

    One of its own or of a logger above it, which takes INFO. What Python does without any handler
    (warnings on stderr) is none.
    """
    if not logger.isEnabledFor(logging.INFO):
        return False
    at: logging.Logger | None = logger
    while at is not None:
        for handler in at.handlers:
            if handler.level <= logging.INFO and not isinstance(handler, logging.NullHandler):
                return True
        at = at.parent if at.propagate else None
    return False


def _at_a_prompt() -> bool:
    """Whether somebody types beside it, on a terminal: what is drawn would be in his way."""
    return hasattr(sys, "ps1") and shell() is None


def can_draw(stream: object) -> bool:
    """Whether something may be drawn there again and again."""
    return moves(stream) and not in_ci()


def in_ci() -> bool:
    """Whether a CI runs this: it may give a terminal, and keeps a log that nobody can draw in."""
    if os.environ.get("CI", "").lower() not in {"", "0", "false", "no"}:
        return True
    return any(os.environ.get(name) for name in SERVICES)
