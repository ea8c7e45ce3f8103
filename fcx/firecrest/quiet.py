"""httpx logs a line for each request, httpcore a dozen: those of our own requests are left out.

Everybody else's stay as they are: a record is dropped only while a request of ours is being made,
which a context variable tells. No level is set.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from contextvars import ContextVar

CHATTY = (
    "httpx",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
    "httpcore.socks",
    "firecrest.v2._async.Client",
)

_ours: ContextVar[bool] = ContextVar("ours", default=False)


def _wanted(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING or not _ours.get()


def install() -> None:
    """Let the chatty loggers ask; however often it is called, they do so once."""
    for name in CHATTY:
        logging.getLogger(name).addFilter(_wanted)


@contextlib.contextmanager
def ours() -> Iterator[None]:
    """A request of ours is being made."""
    before = _ours.set(True)
    try:
        yield
    finally:
        _ours.reset(before)
