"""What looks for a minimum or samples a function, many points at a time."""

from __future__ import annotations

from concurrent.futures import Executor

import adaptive
import emcee
import nevergrad
import numpy as np
from scipy import optimize

STEPS = 5


def rosenbrock(x: np.ndarray) -> float:
    return float(optimize.rosen(x))


def bell(x: np.ndarray) -> float:
    return -0.5 * float(np.sum(x**2))


def wave(x: float) -> float:
    return x + 0.1 / (0.01 + x**2)


def distance(x: float, y: float) -> float:
    return (x - 1) ** 2 + (y + 2) ** 2


def scipy_workers(executor: Executor) -> list[float]:
    bounds = [(-2, 2), (-2, 2)]
    found = optimize.differential_evolution(
        rosenbrock, bounds, seed=1, maxiter=3, popsize=5, polish=False, updating="deferred",
        workers=executor.map,
    )  # fmt: skip
    return found.x.tolist()


def emcee_pool(executor: Executor, steps: int = STEPS) -> list[float]:
    walkers = np.random.default_rng(1).normal(size=(8, 2))
    sampler = emcee.EnsembleSampler(8, 2, bell, pool=executor)
    sampler.random_state = np.random.RandomState(1).get_state()
    sampler.run_mcmc(walkers, steps)
    return sampler.get_chain().ravel().tolist()


def adaptive_runner(executor: Executor) -> tuple[bool, bool]:
    """Which points it takes is a matter of order: enough, and each of them right."""
    learner = adaptive.Learner1D(wave, (-1, 1))
    adaptive.BlockingRunner(learner, npoints_goal=20, executor=executor, ntasks=8)
    return len(learner.data) >= 20, all(wave(x) == y for x, y in learner.data.items())


def nevergrad_minimize(executor: Executor) -> tuple[float, float]:
    space = nevergrad.p.Instrumentation(
        nevergrad.p.Scalar(lower=-3, upper=3), nevergrad.p.Scalar(lower=-3, upper=3)
    )
    space.random_state.seed(1)
    search = nevergrad.optimizers.RandomSearch(space, budget=24, num_workers=8)
    return search.minimize(distance, executor=executor, batch_mode=True).args
