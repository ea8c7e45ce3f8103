"""Other people's packages on an executor: what a scientist hands one to.

Each is a function of the executor alone. What it gives with ours must be what it gives with threads of
this process; none takes more than one line of the user's.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

from . import arrays, flows, learning, loops, searches

Consumer = Callable[[Executor], Any]

CONSUMERS: dict[str, Consumer] = {
    "asyncio: run_in_executor": loops.run_in_executor,
    "asyncio: wrap_future": loops.wrap_future,
    "asyncio: await": loops.await_future,
    "dask: delayed": arrays.dask_delayed,
    "dask: array": arrays.dask_array,
    "xarray": arrays.xarray_chunked,
    "scipy: workers=": searches.scipy_workers,
    "emcee: pool=": searches.emcee_pool,
    "adaptive": searches.adaptive_runner,
    "nevergrad": searches.nevergrad_minimize,
    "pipefunc": flows.pipefunc_map,
    "tqdm: map": flows.tqdm_map,
    "tqdm: as_completed": flows.tqdm_as_completed,
    "joblib": learning.joblib_parallel,
    "scikit-learn: GridSearchCV": learning.grid_search,
    "scikit-learn: forest": learning.forest,
}
