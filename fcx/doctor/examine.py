"""Has checks looked at: side by side where none needs another, and each for a bounded time."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import TypeVar

from ..errors import FcxError
from ..firecrest.loop import LoopThread
from .case import Case
from .check import Check, Found, Result, State

T = TypeVar("T")

LIMIT = 10.0  # seconds for one check: the server's own commands have five
ENDING = 2.0  # seconds in which what was given up is let go of


def examine(case: Case, checks: Sequence[Check], limit: float = LIMIT) -> Iterator[Result]:
    """The results in the order of the checks, each as soon as it is there."""
    told: list[Future[Result]] = [Future() for _ in checks]
    whole = asyncio.run_coroutine_threadsafe(
        _all(case, checks, limit, told), LoopThread.shared().loop
    )
    for one in told:
        yield one.result()
    whole.result()


async def _all(
    case: Case, checks: Sequence[Check], limit: float, told: Sequence[Future[Result]]
) -> None:
    """All at once; those that need others wait for them."""
    tasks: dict[str, asyncio.Task[Result]] = {}
    given_up: set[asyncio.Future[Found]] = set()
    for check in checks:
        before = [tasks[name] for name in check.needs]
        tasks[check.name] = asyncio.ensure_future(_one(case, check, before, limit, given_up))
    for task, future in zip(tasks.values(), told, strict=True):
        try:
            future.set_result(await task)
        except Exception as error:  # noqa: BLE001 - a fault of ours: whoever waits has it
            future.set_exception(error)
    await _let_go(case, given_up)


async def _let_go(case: Case, given_up: set[asyncio.Future[Found]]) -> None:
    if given_up:
        await asyncio.wait(given_up, timeout=ENDING)
    if case.server.client is not None:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(case.server.client.close(), ENDING)


async def _one(
    case: Case,
    check: Check,
    before: Sequence[asyncio.Task[Result]],
    limit: float,
    given_up: set[asyncio.Future[Found]],
) -> Result:
    blocked = [result for result in [await task for task in before] if result.blocks]
    if blocked:
        root = blocked[0].root or blocked[0].name
        said = f"put {root} right first"
        return Result(check.name, Found(State.UNTRIED, said, usable=False), root)
    look = asyncio.ensure_future(_looked(case, check))
    done, _ = await asyncio.wait({look}, timeout=limit)
    if not done:
        look.cancel()
        given_up.add(look)
        return Result(check.name, check.failed(f"no answer within {limit:.0f} s"))
    return Result(check.name, look.result())


async def _looked(case: Case, check: Check) -> Found:
    try:
        found = await _aside(lambda: check.look(case))
        return found if isinstance(found, Found) else await found
    except FcxError as error:
        return check.failed(str(error))
    except Exception as error:  # noqa: BLE001 - what nobody thought of ends no other check
        return check.failed(f"{type(error).__name__}: {error}")


async def _aside(work: Callable[[], T]) -> T:
    """In a thread that nobody waits for at the end: an engine may be silent for ever."""
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()  # who gives it up leaves it to itself

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - it is for who waits
            future.set_exception(error)

    threading.Thread(target=run, name="fcx-doctor", daemon=True).start()
    return await asyncio.wrap_future(future)
