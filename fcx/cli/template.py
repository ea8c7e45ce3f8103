"""The ``fcx.toml`` that ``fcx init`` writes, and edits that leave the user's comments alone."""

from __future__ import annotations

from collections.abc import Mapping

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Table

from ..errors import ConfigError
from ..files import plain_name

TEMPLATE = """\
# Settings of fcx for this project. Everything has a default; a misspelt key is an error.
# Credentials never stand here: they are the six environment variables.

# [site.mycluster]                       # a system that fcx does not know
# architecture = "arm64"                 # amd64 | arm64
# engine = "ce"                          # ce (srun --environment) | sarus (srun --edf)
# network = "slingshot"                  # then `fcx edf write --mpi` and `--nccl` know the hooks
# gpus = "cuda"                          # cuda | rocm | none

[image]
name = "fcx-image"                       # of the image, and of its files in edf/
context = "containers"                   # what the Dockerfile can copy from
dockerfile = "containers/Dockerfile"
# target = "runtime"                     # a stage of the Dockerfile; else its last
# python = "/opt/conda/bin/python"       # the image's Python, where its PATH does not lead there
# site = "clariden"                      # where it is meant to run: its architecture is checked
# platform = "linux/arm64"               # build for another processor than this machine's
# build = "remote"                       # by a job on the cluster, where no engine is here
# ship_to = "/store/me/images"           # folder of shipped images; else one in working_dir
# push_to = "r.example.org/me/img"       # `fcx up` pushes it there; else it ships it
# build_args = { BASE_IMAGE = "registry.example.org/mpi:1.0" }
# What you add to its EDF (mounts, variables, hooks) goes into edf/<name>.toml: see `fcx edf write`.

[remote_build]                           # what such a job builds with: docs/images.md
# podman = "podman"
# enroot = "enroot import"
# setup = ["module load podman"]         # commands in the job's shell, before all else

[parity]
policy = "minor"                         # strict | minor | off
# packages = { numpy = "~=2.1" }         # what may differ, by rules of PEP 440
# max_age_days = 7.0                     # how long a verdict is believed
# assume = ["mpi4py"]                    # remote modules that fcx cannot see

[executor]                               # an argument of FirecrestExecutor comes first
# working_dir = "/scratch/me/project"    # for `fcx preflight`; a script gives its own
# sbatch_options = ["--partition=debug", "--time=15"]
# srun_options = []
# setup = ["module load cray"]           # commands in the job's shell, before all else
# environment = "edf/fcx-image.toml"     # an EDF: a path from this file, or a name
# python = "python3"                     # the remote interpreter; else the image's
# inline = true                          # false: payload and key never stand in job scripts
# max_workers = 8                        # tasks at the same time; else as many as a thread pool has
# workers_per_node = 1
# max_tasks_per_child = 100              # then a fresh worker; else never
# task_retries = 3                       # when a node fails or a job is cancelled
# sleep_interval = 30.0                  # seconds, the longest pause between two looks
# idle_timeout = 30.0                    # seconds after which a pilot without work ends
# gate_timeout = 300.0                   # seconds for which a pilot waits for the verdict
# requests_per_minute = 60               # where your centre states a quota; else it is found out
# progress = "line"                      # true, false, "line" or "panel"; else whatever suits
"""


_EDF = '# environment = "edf/fcx-image.toml"     #'


def fresh(values: Mapping[tuple[str, ...], str]) -> str:
    """The template with values set; the EDF that it speaks of is that of the image's name."""
    named = values.get(("image", "name"), "")
    line = f'# environment = "edf/{plain_name(named or "fcx-image")}.toml"'
    return edited(TEMPLATE.replace(_EDF, f"{line:<40} #"), values)


def edited(text: str, values: Mapping[tuple[str, ...], str], where: str = "fcx.toml") -> str:
    """``text`` with values set at paths such as ``("image", "name")``; all else stays as it is.

    Raises ConfigError where ``text`` is no TOML or has something else at such a path.
    """
    try:
        document = tomlkit.parse(text)
        for path, value in values.items():
            _set(document, path, value, where)
    except TOMLKitError as error:
        raise ConfigError(f"{where} cannot be read as TOML: {error}") from error
    return tomlkit.dumps(document)


def _set(
    table: tomlkit.TOMLDocument | Table, path: tuple[str, ...], value: str, where: str
) -> None:
    """Set one value, making the tables on the way."""
    for i, key in enumerate(path[:-1]):
        if key not in table:
            table.add(key, tomlkit.table(is_super_table=i < len(path) - 2))
        below = table[key]
        if not isinstance(below, (Table, dict)):
            raise ConfigError(f"{where}: [{'.'.join(path[: i + 1])}] must be a table")
        table = below  # type: ignore[assignment]  # an inline table is as good
    table[path[-1]] = value
