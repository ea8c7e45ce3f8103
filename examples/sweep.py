"""A parameter sweep with a plot; interrupted and run again, it goes on where it was.

The run has a name, so a second start finds what is queued, running and done. Try it: press Ctrl-C
or kill it half-way, then start it once more; add a value, and only that one runs. The plot comes
with `pip install 'firecrest-fcx[examples]'`, on your machine alone. Settings as in simple.py.
"""

import logging
import os

from matplotlib.figure import Figure

from fcx import FirecrestExecutor

VALUES = [0.1 * step for step in range(1, 21)]


def energy(coupling, steps=200_000):
    import math  # in the function: what that imports, the cluster must have; the plot stays here

    return sum(math.cos(coupling * step) for step in range(steps)) / steps


def draw(values, energies, name):
    # A figure of its own, not pyplot: no window, no display
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(values, energies, "o-", color="tab:blue")
    axes.set(xlabel="coupling", ylabel="energy")
    figure.savefig(name, dpi=150)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("fcx").setLevel(logging.INFO)
    with FirecrestExecutor(
        working_dir=os.environ.get("FCX_WORKING_DIR", os.getcwd()),
        sbatch_options=os.environ.get("FCX_SBATCH_OPTIONS", "--time=00:10:00 --nodes=1").split(),
        environment=os.environ.get("FCX_ENVIRONMENT") or None,
        sleep_interval=5,
        run="sweep",
    ) as executor:
        futures = {value: executor.submit(energy, value) for value in VALUES}
        for value, future in futures.items():
            print(f"{value:.1f}: {future.result():+.6f}, begun {len(future.attempts)} time(s)")
    draw(VALUES, [future.result() for future in futures.values()], "sweep.png")
    print("The plot is in sweep.png")
