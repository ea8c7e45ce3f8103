"""The environment that jobs start in: that of a fresh login, plus Slurm's variables.

Nothing of the server's own environment is handed on, its credentials least of all. `bin/` in the
cluster's directory holds what jobs find first on PATH: `python3`, srun and its kin. A login shell
sets PATH anew; BASH_ENV, which bash reads after the login files, puts `bin/` in front again.
"""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

from .. import login
from ..programs import command
from ..users import user_name
from . import variables
from .job import Job
from .nodes import Node

HANDED_ON = ("LANG", "LC_ALL", "LC_CTYPE", "TZ", "SHELL")
PROGRAMS = ("srun", "squeue", "scontrol", "scancel", "sinfo")


class Workplace:
    """The files that jobs need around them, in the cluster's directory."""

    def __init__(self, root: Path, python: str) -> None:
        self.root = root
        self.bin, self.login_file = login.install(root, python)
        self.settings = root / "cluster.json"
        self.home = os.path.expanduser("~")
        self._write_programs()

    def _write_programs(self) -> None:
        place = f"FCX_LOCAL_CLUSTER={shlex.quote(str(self.settings))}; export FCX_LOCAL_CLUSTER"
        for name in PROGRAMS:
            _script(self.bin / name, f'{place}\nexec {shlex.join(command(name))} "$@"')

    def announce(self, port: int, token: str, engine: list[str] | None) -> None:
        """Tell the programs where the server listens, and what enters an EDF's container."""
        handle = os.open(self.settings, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as file:
            json.dump({"port": port, "token": token, "engine": engine}, file)

    def node_environment(self, node: Node) -> dict[str, str]:
        """What tells one node from another."""
        place = self.root / "nodes" / node.name / "tmp"
        place.mkdir(parents=True, exist_ok=True)
        return {"SLURMD_NODENAME": node.name, "HOSTNAME": node.name, "TMPDIR": str(place)}

    def login(self) -> dict[str, str]:
        """A fresh login's environment, with `bin/` in front."""
        user = user_name()
        found = {
            "HOME": self.home,
            "USER": user,
            "LOGNAME": user,
            "SHELL": "/bin/bash",
            "PATH": f"{self.bin}:{login.system_path()}",
            "BASH_ENV": str(self.login_file),
        }
        return found | {name: os.environ[name] for name in HANDED_ON if name in os.environ}

    def of_job(self, job: Job) -> dict[str, str]:
        """The batch script's environment."""
        return {
            **self.login(),
            **job.spec.exported.variables,
            "SLURM_EXPORT_ENV": job.spec.exported.text,
            **variables.of_job(job),
            **variables.asked_for(job.spec.size),
            **self.node_environment(job.nodes[0]),
        }


def _script(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
