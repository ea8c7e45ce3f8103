"""What only a live place shows: variables, paths, home, processor, locale (pure)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from urllib.parse import unquote

from .rules import Judge
from .snapshot import Snapshot, docker_architecture, within
from .verdict import Difference

# Variables that change nothing that fcx depends on, or that fcx and Slurm set themselves.
_HARMLESS = {
    "PYTHONNOUSERSITE",
    "PYTHONSAFEPATH",
    "PYTHONUNBUFFERED",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONHASHSEED",
    "PYTHONIOENCODING",
    "PYTHONUTF8",
    "PYTHONFAULTHANDLER",
    "OMP_NUM_THREADS",
}


def place(judge: Judge) -> Iterator[Difference]:
    """What only a live place shows."""
    remote = judge.remote
    if not isinstance(remote, Snapshot):
        return
    fix = judge.fixes.new_edf()
    machine = remote.arch.machine
    if machine and remote.arch.elf and docker_architecture(machine) != remote.architecture:
        yield judge.differ("emulated", "processor", remote.architecture, machine, fix)
    yield from _variables(judge, remote)
    yield from _paths(judge, remote)
    if not remote.live.home:
        yield judge.differ("no-home", "HOME", "a directory", None, fix)
    if _asks_for_gpu(judge) and not remote.live.nvidia:
        yield judge.differ("no-gpu-driver", "GPU driver", "one of NVIDIA's", None)
    yield from _locale(judge, remote)


def _variables(judge: Judge, remote: Snapshot) -> Iterator[Difference]:
    """Variables that neither the image nor fcx nor Slurm set."""
    own = dict(judge.manifest.env) if judge.manifest else {}
    variables = remote.live.leaking_env
    active = {
        group
        for group, root in (("CONDA", "CONDA_PREFIX"), ("VIRTUAL_ENV", "VIRTUAL_ENV"))
        if variables.get(root) == remote.python.prefix
    }
    for name, value in variables.items():
        if name in _HARMLESS or own.get(name) == value or name.startswith(tuple(active)):
            continue
        code = "pythonpath" if name in {"PYTHONPATH", "PYTHONHOME"} else "variable"
        yield judge.differ(
            code, name, own.get(name), value, judge.fixes.clear(name, own.get(name, ""))
        )


def _paths(judge: Judge, remote: Snapshot) -> Iterator[Difference]:
    """Where modules and programs are found that are not the interpreter's own."""
    live, clear = remote.live, judge.fixes.clear
    if live.user_site:
        fix = clear("PYTHONNOUSERSITE", "1")
        yield judge.differ("user-site", "user site-packages", None, live.user_site, fix)
    explained = {live.user_site, *live.pythonpath}
    shared = judge.caller.editable if judge.caller else ()
    projects = {unquote(project): project in shared for project in remote.editable}
    for entry in live.foreign_sys_path:
        its = [both for project, both in projects.items() if within(entry, project)]
        if its:
            if not all(its):
                yield judge.differ("editable", "project of `pip install -e`", None, entry)
        elif entry not in explained:
            fix = judge.fixes.not_a_path(entry)
            yield judge.differ("foreign-path", "entry of sys.path", None, entry, fix)
    yield from _programs(judge, remote)


def _programs(judge: Judge, remote: Snapshot) -> Iterator[Difference]:
    """What a task gets that calls `python3`.

    The same, where it was called by that name itself: the one in PATH may be a program that starts
    it, as pyenv's are and those of `fcx local up`.
    """
    if judge.manifest is None and judge.python in {"", "python3"}:
        return
    live, clear = remote.live, judge.fixes.clear
    other, own = live.which_python3, remote.python.executable
    programs = os.path.dirname(own)  # noqa: PTH120 - a path of another machine
    if other and os.path.dirname(other) != programs:  # noqa: PTH120 - as above
        others = [entry for entry in live.path.split(":") if entry != programs]
        fix = clear("PATH", ":".join([programs, *filter(None, others)]))
        yield judge.differ("other-python", "python3 in PATH", own, other, fix)


def _locale(judge: Judge, remote: Snapshot) -> Iterator[Difference]:
    near = judge.manifest or judge.caller
    if near is None:
        return
    for name, wanted, found in (
        ("encoding", near.encoding, remote.encoding),
        ("locale", near.locale, remote.locale),
        ("timezone", near.timezone, remote.timezone),
    ):
        if wanted and wanted != found:
            yield judge.differ(name, name, wanted, found)


def _asks_for_gpu(judge: Judge) -> bool:
    asked = judge.manifest.env.get("NVIDIA_VISIBLE_DEVICES", "") if judge.manifest else ""
    return asked not in {"", "void", "none"}
