"""Snapshots and manifests of two equal sides, to be changed one fact at a time."""

from __future__ import annotations

import copy
from typing import Any

from fcx.parity.manifest import Manifest
from fcx.parity.snapshot import Snapshot
from fcx.records import replace

RECIPE, BUILD = "a" * 64, "b" * 64

FACTS: dict[str, Any] = {
    "schema": 1,
    "python": {
        "implementation": "cpython",
        "version": "3.11.7",
        "cache_tag": "cpython-311",
        "magic": "a70d0d0a",
        "executable": "/usr/local/bin/python3",
        "prefix": "/usr/local",
        "base_prefix": "/usr/local",
        "pickle_protocol": 5,
    },
    "dill": "0.4.1",
    "distributions": {"dill": "0.4.1", "numpy": "2.4.6", "pip": "24.0"},
    "modules": {
        "names": ["dill", "numpy", "pip"],
        "stdlib_missing": ["msvcrt", "nt", "tkinter", "winreg"],
    },
    "arch": {"machine": "x86_64", "elf": "x86_64"},
    "libc": "glibc 2.36",
    "os": "Debian GNU/Linux 12 (bookworm)",
    "locale": "C.UTF-8",
    "timezone": "UTC",
    "encoding": "utf-8",
    "image": {"recipe_id": RECIPE, "build_id": BUILD},
    "live": {
        "sys_path": ["/usr/local/lib/python311.zip", "/usr/local/lib/python3.11"],
        "foreign_sys_path": [],
        "user_site": None,
        "leaking_env": {},
        "which_python3": "/usr/local/bin/python3",
        "path": "/usr/local/bin:/usr/bin:/bin",
        "uid": 21001,
        "gid": 21001,
        "user": "ada",
        "home": "/users/ada",
        "cwd": "/users/ada",
        "umask": "0077",
        "hostname": "nid001",
        "node": "nid001",
        "partition": "normal",
        "job_id": "17",
        "nvidia": None,
        "cpus": 128,
        "time": 1_700_000_000.0,
        "tool": "pip",
    },
}


def snapshot(changes: dict[str, Any] | None = None, **more: Any) -> Snapshot:
    """The equal side with changes, by path: ``{"python.version": "3.12.1"}``; None removes."""
    facts = copy.deepcopy(FACTS)
    for path, value in {**(changes or {}), **more}.items():
        *parents, last = path.split("/")
        section = facts
        for name in parents:
            section = section[name]
        section[last] = value
    return Snapshot.from_probe(facts)


def manifest(changes: dict[str, Any] | None = None, *, origin: str = "built") -> Manifest:
    """The manifest of the image that ``snapshot(changes)`` runs in."""
    adopted = Manifest.adopt("fcx-image", snapshot(changes), {"PATH": "/usr/local/bin"})
    return replace(adopted, origin=origin)


def laptop(changes: dict[str, Any] | None = None) -> Snapshot:
    """A caller outside the image: same Python and dill, no image ids, another place."""
    outside = {
        "image/recipe_id": None,
        "image/build_id": None,
        "python/executable": "/home/ada/.venv/bin/python",
        "python/prefix": "/home/ada/.venv",
        "live/node": None,
        "live/partition": None,
    }
    return snapshot({**outside, **(changes or {})})
