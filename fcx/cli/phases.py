"""What is logged, on standard error as it happens."""

from __future__ import annotations

import logging
import sys


def show_phases(*, quiet: bool) -> None:
    """The phases of a verb; ``quiet``: errors alone. Whoever has asked for everything gets that."""
    if logging.getLogger("fcx").level != logging.DEBUG:
        _show(logging.ERROR if quiet else logging.INFO, "%(message)s")


def show_beside_output() -> None:
    """Beside what a program prints: phases where a person looks on, else warnings."""
    if logging.getLogger("fcx").level != logging.DEBUG:
        _show(logging.INFO if sys.stderr.isatty() else logging.WARNING, "fcx: %(message)s")


def show_everything() -> None:
    """Each request too, with the time."""
    _show(logging.DEBUG, "%(asctime)s %(message)s")


def _show(level: int, form: str) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter(form))
    logger = logging.getLogger("fcx")
    logger.addHandler(handler)
    logger.setLevel(level)
    logger.propagate = False
