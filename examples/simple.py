"""Where does it run, and what are the squares of 2, 3 and 4? Settings come from the environment.

The six FIRECREST variables name the cluster and the account (``fcx local up`` makes a cluster of
this machine's own); FCX_WORKING_DIR is a remote directory, FCX_ENVIRONMENT an EDF of the client's,
FCX_SBATCH_OPTIONS has options for sbatch.
"""

import logging
import os

from fcx import FirecrestExecutor


def report_hostname():
    import os
    import socket

    cluster = os.environ.get("CLUSTER_NAME") or os.environ.get("SLURM_CLUSTER_NAME", "no cluster")
    return f"Success testing execution on {socket.gethostname()} of {cluster}!"


def square_number(x):
    from math import pow

    return pow(x, 2)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("fcx").setLevel(logging.INFO)
    print("Executing remotely, stay tuned...")
    with FirecrestExecutor(
        working_dir=os.environ.get("FCX_WORKING_DIR", os.getcwd()),
        sbatch_options=os.environ.get("FCX_SBATCH_OPTIONS", "--time=00:10:00 --nodes=1").split(),
        environment=os.environ.get("FCX_ENVIRONMENT") or None,
        sleep_interval=5,
    ) as executor:
        print(executor.submit(report_hostname).result())
        print("Let's compute squares of 2..4: ", list(executor.map(square_number, range(2, 5))))
