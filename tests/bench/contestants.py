"""Who is measured, with which Python, and where each sits."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HOME = Path(__file__).resolve().parent
ROOT = HOME.parents[1]
PEERS = ROOT / "build" / "peers"


@dataclass(frozen=True)
class Contestant:
    """One of them; ``way`` is its file in ways/."""

    name: str
    way: str
    text: str
    peer: bool = False  # it needs the environment of the peers
    slurm: bool = False  # it needs a Slurm of its own on this machine

    @property
    def python(self) -> str:
        """What runs it."""
        return str(PEERS / "bin" / "python") if self.peer else sys.executable


CONTESTANTS = {
    contestant.name: contestant
    for contestant in (
        Contestant("floor", "floor", "the row by hand: pyfirecrest and a script for the purpose"),
        Contestant("fcx", "fcx_pilots", "fcx, one job of 8 workers, through the API"),
        Contestant(
            "seed", "seed", "firecrest-executor 0.3.1, a job a task, through the API", peer=True
        ),
        Contestant("processes", "processes", "ProcessPoolExecutor, no cluster at all"),
        Contestant(
            *("parsl", "parsl_htex", "Parsl HTEX, one block of 8 workers, directly on Slurm"),
            peer=True,
            slurm=True,
        ),
        Contestant(
            *("dask", "dask_jobqueue", "dask-jobqueue, one job of 8 workers, directly on Slurm"),
            peer=True,
            slurm=True,
        ),
        Contestant(
            *("submitit", "submitit_array", "submitit, a job array, directly on Slurm"),
            peer=True,
            slurm=True,
        ),
    )
}


def install_peers() -> bool:
    """An environment of their own, with the versions of peers.txt; False where it can't be had."""
    wanted = (HOME / "peers.txt").read_text(encoding="utf-8")
    done = PEERS / "installed.txt"
    if done.is_file() and done.read_text(encoding="utf-8") == wanted:
        return True
    print(f"Installing the peers into {PEERS} ...", file=sys.stderr)
    commands = (
        [sys.executable, "-m", "venv", "--clear", str(PEERS)],
        [str(PEERS / "bin" / "pip"), *PIP, str(HOME / "peers.txt")],
    )
    for command in commands:
        if subprocess.run(command, check=False).returncode:
            print("The peers cannot be installed here, and are left out.", file=sys.stderr)
            return False
    done.write_text(wanted, encoding="utf-8")
    return True


PIP = ("install", "--quiet", "--disable-pip-version-check", "--requirement")
