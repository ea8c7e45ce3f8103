"""A parameter sweep that may be interrupted: run it again, and it goes on where it was.

The run has a name, so a second start finds what is queued, running and done. Try it: press Ctrl-C
or kill it half-way, then start it once more; add a value, and only that one runs. Settings as in
``simple.py``.
"""

import logging
import os

from fcx import FirecrestExecutor

VALUES = [0.1 * step for step in range(1, 21)]


def energy(coupling, steps=200_000):
    import math

    return sum(math.cos(coupling * step) for step in range(steps)) / steps


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
