"""The image against the far side, and what only a live place shows (pure)."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from .manifest import Manifest, Snapshot, docker_architecture
from .rules import Judge, short
from .verdict import Difference
from .versions import same

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


def files(judge: Judge, hashes: Mapping[str, tuple[str, str | None]]) -> Iterator[Difference]:
    """Files on the cluster against the ones that were sent."""
    for name, (wanted, found) in hashes.items():
        if wanted != found:
            yield judge.differ(
                "tampered", name, short(wanted), short(found), judge.mender.ask_anew()
            )


def image(judge: Judge) -> Iterator[Difference]:
    """The manifest against the far side."""
    wanted, far = judge.manifest, judge.far
    if wanted is None or wanted is far:
        return
    mender = judge.mender
    if wanted.build_id and wanted.build_id != (far.build_id or ""):
        found = short(far.build_id) if far.build_id else "not an image that fcx built"
        mend = f"{mender.new_edf()} && {mender.ask_anew()}"
        yield judge.differ("build-id", "build id", short(wanted.build_id), found, mend)
    if far.architecture != wanted.architecture:
        mend = mender.other_platform(far.architecture)
        yield judge.differ(
            "architecture", "architecture", wanted.architecture, far.architecture, mend
        )
    yield from _image_python(judge, wanted)
    yield from _image_packages(judge, wanted)


def _image_python(judge: Judge, wanted: Manifest) -> Iterator[Difference]:
    executable = judge.python or wanted.python.executable
    mender = judge.mender
    if executable and executable != judge.far.python.executable:
        found = judge.far.python.executable
        yield judge.differ("interpreter", "interpreter", executable, found, mender.new_edf())
    if judge.python and judge.python != wanted.python.executable:
        return  # an interpreter of the user's choice is not the one that the manifest knows
    if not same(wanted.python.version, judge.far.python.version):
        yield judge.differ(
            "image-python",
            "Python of the image",
            wanted.python.version,
            judge.far.python.version,
            mender.adopt() if wanted.origin == "adopted" else mender.new_edf(),
        )


def _image_packages(judge: Judge, wanted: Manifest) -> Iterator[Difference]:
    """The distributions: what tells an adopted image, and what lies over a built one."""
    if judge.python and judge.python != wanted.python.executable:
        return
    known = bool(wanted.build_id)
    code = "image-overlaid" if known else "image-content"
    mend = judge.mender.new_edf() if known else judge.mender.adopt()
    for name in sorted({*wanted.distributions, *judge.far.distributions}):
        here, there = wanted.distributions.get(name), judge.far.distributions.get(name)
        if not same(here, there) and not judge.rules.assumes(name):
            yield judge.differ(code, f"{name} in the image", here, there, mend)


def place(judge: Judge) -> Iterator[Difference]:
    """What only a live place shows."""
    if not isinstance(judge.far, Snapshot):
        return
    far, live, mend = judge.far, judge.far.live, judge.mender.new_edf()
    if far.machine and far.elf and docker_architecture(far.machine) != far.architecture:
        yield judge.differ("emulated", "processor", far.architecture, far.machine, mend)
    if live.user_site:
        clear = judge.mender.clear("PYTHONNOUSERSITE", "1")
        yield judge.differ("user-site", "user site-packages", None, live.user_site, clear)
    yield from _variables(judge, far)
    explained = {live.user_site, *live.leaking_env.get("PYTHONPATH", "").split(os.pathsep)}
    for entry in live.foreign_sys_path:
        if entry not in explained:
            clear = judge.mender.clear("PYTHONPATH")
            yield judge.differ("foreign-path", "entry of sys.path", None, entry, clear)
    other = live.which_python3
    if other and os.path.dirname(other) != os.path.dirname(far.python.executable):  # noqa: PTH120
        clear = judge.mender.clear("PATH", os.path.dirname(far.python.executable))  # noqa: PTH120
        mine = far.python.executable
        yield judge.differ("other-python", "python3 in PATH", mine, other, clear)
    if not live.home:
        yield judge.differ("no-home", "HOME", "a directory", None, mend)
    if _asks_for_gpu(judge) and not live.nvidia:
        yield judge.differ("no-gpu-driver", "GPU driver", "one of NVIDIA's", None)
    yield from _locale(judge, far)


def _variables(judge: Judge, far: Snapshot) -> Iterator[Difference]:
    """Variables that neither the image nor fcx nor Slurm set."""
    own = dict(judge.manifest.env) if judge.manifest else {}
    variables = far.live.leaking_env
    active = {
        group
        for group, root in (("CONDA", "CONDA_PREFIX"), ("VIRTUAL_ENV", "VIRTUAL_ENV"))
        if variables.get(root) == far.python.prefix
    }
    for name, value in variables.items():
        if name in _HARMLESS or own.get(name) == value or name.startswith(tuple(active)):
            continue
        code = "pythonpath" if name in {"PYTHONPATH", "PYTHONHOME"} else "variable"
        yield judge.differ(code, name, own.get(name), value, judge.mender.clear(name))


def _locale(judge: Judge, far: Snapshot) -> Iterator[Difference]:
    near = judge.manifest or judge.caller
    if near is None:
        return
    for name in ("encoding", "locale", "timezone"):
        wanted, found = getattr(near, name), getattr(far, name)
        if wanted and wanted != found:
            yield judge.differ(name, name, wanted, found)


def _asks_for_gpu(judge: Judge) -> bool:
    asked = judge.manifest.env.get("NVIDIA_VISIBLE_DEVICES", "") if judge.manifest else ""
    return asked not in {"", "void", "none"}
