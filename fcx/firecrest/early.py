"""What can be done before anything is asked: pyfirecrest is imported, and a token fetched.

In a thread that ends with it, while the caller is still busy with other things. What fails is not
said: the first request meets it again. A token that nobody comes to use is asked for once, and not
renewed.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import threading
import weakref
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from typing import Any, NamedTuple, TypeVar

from ..config import Credentials
from . import network, quiet
from .token import ClientToken

T = TypeVar("T")

LONGEST = 5.0  # seconds for which somebody waits for it


class Ready(NamedTuple):
    """Whom to trust, and a token, if one has come."""

    verify: ssl.SSLContext
    token: ClientToken


class Early:
    """Begins at once. A process that forks waits for its end."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._ready: Ready | None = None
        self._thread = threading.Thread(target=self._run, name="fcx-early", daemon=True)
        _under_way.add(self)
        with suppress(RuntimeError):  # no thread starts any more: it is done later, then
            self._thread.start()

    def _run(self) -> None:
        with suppress(Exception):
            load()
            verify = network.trusted_by(*self._credentials.urls)
            token = ClientToken(self._credentials, verify)
            with quiet.ours():
                alone(token.auth_headers())
            self._ready = Ready(verify, token)

    def ready(self) -> Ready | None:
        """What there is of it, once it has ended; None where it failed or takes too long."""
        self.wait()
        return self._ready

    def wait(self) -> None:
        """Until it has ended, if that does not take too long."""
        if self._thread.is_alive():
            self._thread.join(LONGEST)


class InPlace(ThreadPoolExecutor):
    """A loop's pool without threads: Python waits for those of a pool before a script may end."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Done at once, by the caller."""
        future = Future[T]()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - it is for who has the future
            future.set_exception(error)
        return future


def alone(work: Coroutine[Any, Any, object]) -> None:
    """Run a coroutine in this thread and in no other, however long a host's name takes to find."""
    with closing(asyncio.new_event_loop()) as loop:
        loop.set_default_executor(InPlace())
        loop.run_until_complete(work)
        loop.run_until_complete(loop.shutdown_asyncgens())


def load() -> None:
    """Import what requests need."""
    from . import api, session  # noqa: F401 - they are heavy: whoever needs them finds them there


_under_way: weakref.WeakSet[Early] = weakref.WeakSet()


def _wait() -> None:
    """In a child the thread would be gone, and what it imports or has locked is so for ever."""
    for early in list(_under_way):
        early.wait()


if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    os.register_at_fork(before=_wait)
