"""A test never hangs: what may block runs beside it, with a deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

WAIT = 150.0  # seconds that a result may take on a machine that is busy with other things


def within(seconds: float, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Call a function that may block; AssertionError if it has not returned in time."""
    box: list[tuple[Any, BaseException | None]] = []

    def run() -> None:
        try:
            box.append((function(*args, **kwargs), None))
        except BaseException as error:
            box.append((None, error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    assert box, f"{function} has not returned in {seconds:.0f} s"
    value, error = box[0]
    if error is not None:
        raise error
    return value


def eventually(condition: Callable[[], T], seconds: float = WAIT) -> T:
    """Wait until a condition holds, and return what it said; AssertionError if it never does."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{condition} did not hold in {seconds:.0f} s"
        time.sleep(0.05)
    return found


def gone(pid: int) -> bool:
    """Whether no process of this number is left, or only its record for the parent to read."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return True
    return state.rpartition(")")[2].split()[0] in {"Z", "X"}
