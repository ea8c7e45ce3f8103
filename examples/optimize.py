"""Minimise a function with nevergrad, each evaluation a task on the cluster.

Nevergrad comes with `pip install 'firecrest-fcx[examples]'`.

Settings come from the environment, as in simple.py. Evaluations run side by side, and the batch
of one generation travels together.
"""

import os

import nevergrad

from fcx import FirecrestExecutor

BUDGET = int(os.environ.get("FCX_BUDGET", "60"))


def rosenbrock(x, y):
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


if __name__ == "__main__":
    parameters = nevergrad.p.Instrumentation(
        nevergrad.p.Scalar(lower=-2, upper=2), nevergrad.p.Scalar(lower=-1, upper=3)
    )
    optimizer = nevergrad.optimizers.TwoPointsDE(parameters, budget=BUDGET, num_workers=8)
    with FirecrestExecutor(
        working_dir=os.environ.get("FCX_WORKING_DIR", os.getcwd()),
        sbatch_options=os.environ.get("FCX_SBATCH_OPTIONS", "--time=00:10:00 --nodes=1").split(),
        environment=os.environ.get("FCX_ENVIRONMENT") or None,
        max_workers=8,
        workers_per_node=8,
        sleep_interval=5,
    ) as executor:
        best = optimizer.minimize(rosenbrock, executor=executor, batch_mode=True)
    x, y = best.args
    print(f"After {BUDGET} evaluations the best is f({x:.3f}, {y:.3f}) = {rosenbrock(x, y):.5f}")
