"""The environment that jobs start in: that of a fresh login, plus Slurm's variables.

Nothing of the server's own environment is handed on, its credentials least of all. `bin/` in the
cluster's directory holds what jobs find first on PATH: `python3`, srun and its kin. A login shell
sets PATH anew; BASH_ENV, which bash reads after the login files, puts `bin/` in front again.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from fcx.local import login
from fcx.local.process.job import Job
from fcx.local.process.nodes import Node, repeated, spread
from fcx.local.users import group_name, user_name

HANDED_ON = ("LANG", "LC_ALL", "LC_CTYPE", "TZ", "SHELL")
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/games"
ROOT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PROGRAMS = Path(__file__).parents[1] / "programs"
TOOLS = ("squeue", "scontrol", "scancel", "sinfo")


class Workplace:
    """The files that jobs need around them, in the cluster's directory."""

    def __init__(self, root: Path, python: str) -> None:
        self.root = root
        self.bin, self.login_file = login.install(root, python)
        self.settings = root / "cluster.json"
        self.home = os.path.expanduser("~")
        self._write_programs()

    def _write_programs(self) -> None:
        own = f"exec {shlex.quote(sys.executable)} -I -S {shlex.quote(str(PROGRAMS))}"
        place = f"FCX_LOCAL_CLUSTER={shlex.quote(str(self.settings))}; export FCX_LOCAL_CLUSTER"
        _script(self.bin / "srun", f'{place}\n{own}/srun.py "$@"')
        for name in TOOLS:
            _script(self.bin / name, f'{place}\n{own}/slurmtools.py {name} "$@"')

    def open_door(self, port: int, token: str, engine: list[str] | None) -> None:
        """Tell the programs where the server listens."""
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
        path = ROOT_PATH if os.getuid() == 0 else SYSTEM_PATH
        user = user_name()
        found = {
            "HOME": self.home,
            "USER": user,
            "LOGNAME": user,
            "SHELL": "/bin/bash",
            "PATH": f"{self.bin}:{path}",
            "BASH_ENV": str(self.login_file),
        }
        return found | {name: os.environ[name] for name in HANDED_ON if name in os.environ}

    def of_job(self, job: Job) -> dict[str, str]:
        """The batch script's environment."""
        first = job.nodes[0]
        return {
            **self.login(),
            **job.spec.variables,
            "SLURM_EXPORT_ENV": job.spec.export,
            **_slurm_variables(job),
            **_asked_for(job),
            **self.node_environment(first),
        }


def _slurm_variables(job: Job) -> Mapping[str, str]:
    nodes = len(job.nodes)
    tasks = job.spec.ntasks or nodes * (job.spec.ntasks_per_node or 1)
    found = {
        "SLURM_JOB_ID": job.id,
        "SLURM_JOBID": job.id,
        "SLURM_JOB_NAME": job.spec.name,
        "SLURM_JOB_NUM_NODES": str(nodes),
        "SLURM_NNODES": str(nodes),
        "SLURM_JOB_NODELIST": job.node_list,
        "SLURM_NODELIST": job.node_list,
        "SLURM_JOB_PARTITION": job.partition,
        "SLURM_JOB_ACCOUNT": job.account,
        "SLURM_JOB_QOS": job.spec.qos or "normal",
        "SLURM_JOB_USER": user_name(),
        "SLURM_JOB_UID": str(os.getuid()),
        "SLURM_JOB_GID": str(os.getgid()),
        "SLURM_JOB_GROUP": group_name(),
        "SLURM_CLUSTER_NAME": "cluster",
        "SLURM_SUBMIT_DIR": job.spec.chdir,
        "SLURM_SUBMIT_HOST": "fcx-login",
        "SLURM_CPUS_ON_NODE": str(job.cpus),
        "SLURM_JOB_CPUS_PER_NODE": repeated([job.cpus] * nodes),
        "SLURM_TASKS_PER_NODE": repeated(spread(tasks, nodes)),
        "SLURM_NODEID": "0",
        "SLURM_PROCID": "0",
        "SLURM_LOCALID": "0",
        "SLURM_GTIDS": "0",
        "SLURM_JOB_START_TIME": str(int(job.start or 0)),
        "ENVIRONMENT": "BATCH",
    }
    if job.limit is not None:
        found["SLURM_JOB_END_TIME"] = str(int((job.start or 0) + job.limit))
    if job.restarts:
        found["SLURM_RESTART_COUNT"] = str(job.restarts)
    return found


def _asked_for(job: Job) -> Mapping[str, str]:
    """Variables that are there only where the option was."""
    spec = job.spec
    given = {
        "SLURM_NTASKS": spec.ntasks,
        "SLURM_NPROCS": spec.ntasks,
        "SLURM_NTASKS_PER_NODE": spec.ntasks_per_node,
        "SLURM_CPUS_PER_TASK": spec.cpus_per_task,
        "SLURM_MEM_PER_NODE": spec.mem,
    }
    return {name: str(value) for name, value in given.items() if value is not None}


def _script(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
