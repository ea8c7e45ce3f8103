"""asyncio in all three ways: its own call, a wrapped future, and a future that is awaited."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor

from fcx import FirecrestFuture


def cube(x: int) -> int:
    return x**3


def run_in_executor(executor: Executor) -> list[int]:
    async def main() -> list[int]:
        loop = asyncio.get_running_loop()
        return await asyncio.gather(*(loop.run_in_executor(executor, cube, x) for x in range(20)))

    return asyncio.run(main())


def wrap_future(executor: Executor) -> list[int]:
    async def main() -> list[int]:
        futures = [asyncio.wrap_future(executor.submit(cube, x)) for x in range(20)]
        return await asyncio.gather(*futures)

    return asyncio.run(main())


def await_future(executor: Executor) -> list[int]:
    async def main() -> list[int]:
        futures = [executor.submit(cube, x) for x in range(20)]
        if not isinstance(futures[0], FirecrestFuture):
            futures = [asyncio.wrap_future(future) for future in futures]
        return [await future for future in futures]

    return asyncio.run(main())
