"""dask, whose scheduler any executor may be, and xarray on dask's chunks."""

from __future__ import annotations

from concurrent.futures import Executor

import dask
import dask.array
import numpy as np
import xarray


def increment(x: int) -> int:
    return x + 1


def dask_delayed(executor: Executor) -> int:
    parts = [dask.delayed(increment)(x) for x in range(20)]
    return dask.delayed(sum)(parts).compute(scheduler=executor)


def dask_array(executor: Executor) -> float:
    x = dask.array.arange(400, chunks=100, dtype=float).reshape(20, 20)
    return float((x @ x.T).mean(axis=0).sum().compute(scheduler=executor))


def xarray_chunked(executor: Executor) -> list[float]:
    grid = xarray.DataArray(np.arange(240.0).reshape(4, 60), dims=("time", "x"))
    with dask.config.set(scheduler=executor):
        return grid.chunk({"time": 1}).map_blocks(lambda part: part**2).mean("x").values.tolist()
