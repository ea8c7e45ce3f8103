"""A real single-node Slurm behind a FirecREST API, on this machine: what `make cluster` runs.

    python tests/support/cluster/up.py [--env-file F] [--port N] [--nodes N] [--python P] [--background]

Installs Slurm from Debian's packages where it is missing and this is root. Prints `export` lines
(or writes them to F, whole at once, when all is ready): the six variables of the API, and
SLURM_CONF for Slurm's own commands. SIGINT and SIGTERM stop it, with its jobs and nothing else.
With --background it returns when all is ready and says how to stop it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import environment
from slurm import SlurmCluster, SlurmFailed, missing, slurm_cluster, stop_on_signals

# With the plugin that gives srun --environment; `.ci/run` installs the same.
PACKAGES = "slurm-wlm slurm-wlm-basic-plugins libslurm-dev gcc libc6-dev squashfs-tools".split()
START_TIMEOUT = 180.0
STOP_TIMEOUT = 90.0


def install() -> None:
    """Get what lacks from Debian's packages; exit with the command where that can't be."""
    if missing() is None and environment.missing() is None:
        return
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        if missing() is not None:
            sys.exit(f"{missing()}; as root, this script installs it")
        return
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    get = [apt, "-qq", "-o", "DPkg::Lock::Timeout=300"]
    print("installing Slurm from Debian's packages", file=sys.stderr, flush=True)
    subprocess.run([*get, "update"], check=True, env=quiet, stdout=sys.stderr)
    command = [*get, "install", "-y", "--no-install-recommends", *PACKAGES]
    subprocess.run(command, check=True, env=quiet, stdout=sys.stderr)


@contextlib.contextmanager
def api(slurm: SlurmCluster, port: int, python: str | None) -> Iterator[tuple[str, int]]:
    """`fcx local up` on that Slurm, for the block: its export lines and its process id."""
    env_file = slurm.root / "firecrest.env"
    command = [sys.executable, "-c", "from fcx.cli import main; main()", "local", "up"]
    command += ["--scheduler", "slurm", "--port", str(port), "--env-file", str(env_file)]
    command += ["--python", python] if python else []
    # In a session of its own, a Ctrl-C here doesn't reach it: it is stopped below, before Slurm.
    server = subprocess.Popen(command, env={**os.environ, **slurm.env}, start_new_session=True)
    try:
        deadline = time.monotonic() + START_TIMEOUT
        while not env_file.exists():
            if server.poll() is not None or time.monotonic() > deadline:
                sys.exit("the FirecREST server did not start")
            time.sleep(0.05)
        yield env_file.read_text(), server.pid
    finally:
        server.terminate()
        try:
            server.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def publish(lines: str, env_file: Path | None) -> None:
    """To standard output, or to a private file that appears whole."""
    if env_file is None:
        print(lines, end="", flush=True)
        return
    handle, name = tempfile.mkstemp(dir=env_file.absolute().parent, prefix=f".{env_file.name}.")
    with os.fdopen(handle, "w") as file:
        file.write(lines)
    Path(name).replace(env_file)


def serve(options: argparse.Namespace) -> None:
    """Everything, until a signal or until the server ends by itself."""
    stop_on_signals()
    plugins = () if environment.missing() else (environment.install,)
    with slurm_cluster(nodes=options.nodes, plugstack=plugins) as slurm:
        with api(slurm, options.port, options.python) as (lines, server):
            publish(f"{lines}export SLURM_CONF={slurm.conf}\n", options.env_file)
            container = (
                "" if plugins else "; srun without --environment (see tests/support/cluster/)"
            )
            print(f"Slurm is in {slurm.root}{container}", file=sys.stderr, flush=True)
            os.waitid(os.P_PID, server, os.WEXITED | os.WNOWAIT)
            sys.exit("the FirecREST server ended by itself")


def serve_in_background(options: argparse.Namespace) -> None:
    """Start another of this script that stays, and come back when it is ready."""
    env_file = options.env_file or Path(tempfile.mkdtemp(prefix="fcx-cluster-")) / "env"
    log = env_file.with_name(env_file.name + ".log")
    env_file.unlink(missing_ok=True)
    arguments = [f"--nodes={options.nodes}", f"--port={options.port}", f"--env-file={env_file}"]
    arguments += [f"--python={options.python}"] if options.python else []
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, __file__, *arguments],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    while not env_file.exists():
        if process.poll() is not None:
            sys.exit(f"it did not start:\n{log.read_text()}")
        time.sleep(0.05)
    print(f". {env_file}    # the API's variables and SLURM_CONF")
    print(f"kill {process.pid}    # stops the API, Slurm, and their jobs")


def main() -> None:
    """Parse, install, serve."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--env-file", type=Path, help="write the export lines there")
    parser.add_argument("--port", type=int, default=0, help="of the API; 0 takes a free one")
    parser.add_argument("--nodes", type=int, default=1)
    parser.add_argument("--python", help="what jobs find as python3 [this interpreter]")
    parser.add_argument("--background", action="store_true")
    options = parser.parse_args()
    install()
    try:
        (serve_in_background if options.background else serve)(options)
    except SlurmFailed as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
