"""A pipeline of functions, and bars that show how far many tasks are."""

from __future__ import annotations

import io
from concurrent.futures import Executor, as_completed

from pipefunc import Pipeline, pipefunc
from tqdm import tqdm


def square(x: int) -> int:
    return x * x


@pipefunc(output_name="y", mapspec="x[i] -> y[i]")
def double(x: int) -> int:
    return 2 * x


@pipefunc(output_name="total")
def total(y: object) -> int:
    return int(sum(y))


def pipefunc_map(executor: Executor) -> tuple[list[int], int]:
    found = Pipeline([double, total]).map(
        {"x": list(range(10))}, executor=executor, storage="dict", chunksizes=1
    )
    return [int(y) for y in found["y"].output], found["total"].output


def tqdm_map(executor: Executor) -> list[int]:
    return list(tqdm(executor.map(square, range(20)), total=20, file=io.StringIO()))


def tqdm_as_completed(executor: Executor) -> tuple[int, bool]:
    futures = [executor.submit(square, x) for x in range(20)]
    bar = io.StringIO()
    results = [done.result() for done in tqdm(as_completed(futures), total=20, file=bar)]
    return sum(results), "20/20" in bar.getvalue()
