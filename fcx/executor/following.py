"""A task's output while it runs: pieces in the caller's thread, and what is left at the end."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..errors import FcxError

if TYPE_CHECKING:
    from .effects.written import Written
    from .future import FirecrestFuture, Owner

QUIET = 0.25  # seconds between two looks at whether it runs, which cost nothing
SOON, LATER, SLOWER = 1.0, 15.0, 1.5  # seconds between two questions, growing while nothing comes


def pieces(future: FirecrestFuture[Any], owner: Owner, stream: int) -> Iterator[str]:
    """Text of one stream, until the task is done."""
    done = threading.Event()
    future.add_done_callback(lambda _: done.set())
    before: Written | None = None
    given = bytearray()  # of the attempt that runs
    pause = SOON
    while not done.wait(pause if future.running() else QUIET):
        found = _ask(future, owner, stream, before) if future.running() else None
        if found is None:
            continue
        if before is not None and found.of != before.of:
            given.clear()
        before = found
        given += found.data
        pause = max(found.pause, SOON if found.data else min(LATER, pause * SLOWER))
        if found.data:
            yield found.data.decode("utf-8", "replace")
    rest = _rest(future, stream, given)
    if rest:
        yield rest


def _ask(
    future: FirecrestFuture[Any], owner: Owner, stream: int, before: Written | None
) -> Written | None:
    """What is new. A failure is no matter: all of it comes at the end."""
    try:
        return owner.written(future.task_id, stream, before)
    except FcxError as error:
        logging.getLogger("fcx").debug(f"The output of {future.name} was not read: {error}")
        return None


def _rest(future: FirecrestFuture[Any], stream: int, given: bytearray) -> str:
    """What was not given yet: of a task that ran once more elsewhere, all of it."""
    if future.cancelled():
        return ""
    text = (future.stdout, future.stderr)[stream]()
    before = given.decode("utf-8", "replace")
    return text.removeprefix(before)
