"""The end of a run that was cancelled is waited for as long as the cluster answers."""

from __future__ import annotations

import threading
from collections.abc import Callable

SILENCE = 60.0  # seconds without an answer after which a cancelled run is left as it is


def parted(over: threading.Event, answered: Callable[[], int]) -> bool:
    """Wait until it is over; False where nothing was answered for long. ``answered``: how often."""
    before = answered()
    while not over.wait(SILENCE):
        now = answered()
        if now == before:
            return False
        before = now
    return True
