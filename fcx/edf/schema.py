"""What an EDF may contain: its keys, the types of their values, and the known annotations.

CE is the engine behind ``srun --environment``, Sarus the one behind ``srun --edf``. Sources: the
CSCS documentation of both, and the parser of the Sarus suite.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

DIALECTS = ("ce", "sarus")

KEYS = {
    "base_environment": "a string or an array of strings",
    "image": "a string",
    "workdir": "a string",
    "entrypoint": "true or false",
    "writable": "true or false",
    "mounts": "an array of strings",
    "devices": "an array of strings",
    "env": "a table of strings",
    "annotations": "a table of strings",
}
"""The keys of an EDF and what each must be."""

STRINGS = ("image", "workdir")
SWITCHES = ("entrypoint", "writable")
ARRAYS = ("mounts", "devices")

VARIANTS = ("cuda11", "cuda12", "cuda13", "cuda-dl", "rocm5", "rocm6")
"""Variants of the aws_ofi_nccl hook (which of them are there depends on the system)."""

HOOK_SWITCHES = (
    "com.hooks.cxi.enabled",
    "com.hooks.aws_ofi_nccl.enabled",
    "com.hooks.ssh.enabled",
    "com.hooks.nvidia_cuda_mps.enabled",
    "com.hooks.dcgm.enabled",
    "com.hooks.slurm.enabled",
    "com.pyxis.pytorch_remap_vars",
    "com.pyxis.entrypoint_log",
    "com.sarus.perfmon",
)
"""Annotations that are ``"true"`` or ``"false"``."""

ANNOTATIONS = (
    *HOOK_SWITCHES,
    "com.hooks.aws_ofi_nccl.variant",
    "com.hooks.ssh.authorize_ssh_key",
    "com.hooks.ssh.port",
    "com.hooks.netstack.source",
    "com.hooks.netstack.version",
    "com.hooks.netstack.name",
)
"""Annotations that are documented or found in use; ``com.sarus.*`` is open."""


def wrong_types(data: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Path and message of each value that cannot be understood.

    Numbers and booleans in ``[env]`` and ``[annotations]`` are understood, as their text.
    """
    for name, wanted in KEYS.items():
        if name not in data:
            continue
        value = data[name]
        if not _fits(name, value):
            yield (name,), f"{name} must be {wanted}, not {_spoken(value)}"
        elif isinstance(value, dict):
            yield from _wrong_members(name, value)
        elif isinstance(value, list):
            for number, item in enumerate(value):
                if not isinstance(item, str):
                    yield (name, number), f"{name} must be {wanted}, but holds {_spoken(item)}"


def _fits(name: str, value: Any) -> bool:
    if name in ARRAYS:
        return isinstance(value, list)
    if name == "base_environment":
        return isinstance(value, (str, list))
    return isinstance(value, bool if name in SWITCHES else str if name in STRINGS else dict)


def _wrong_members(
    name: str, table: Mapping[str, Any]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    members = leaves(table) if name == "annotations" else [((k,), v) for k, v in table.items()]
    seen = set()
    for path, value in members:
        if isinstance(value, (list, dict)):
            yield (name, *path), f"[{name}] {'.'.join(path)} must be a string, not {_spoken(value)}"
        elif ".".join(path) in seen:
            yield (name, *path), f"[{name}] {'.'.join(path)} is given twice"
        seen.add(".".join(path))


def leaves(table: Mapping[str, Any]) -> list[tuple[tuple[str, ...], Any]]:
    """Every value below a table that is not a table itself, with its path."""
    found: list[tuple[tuple[str, ...], Any]] = []
    for name, value in table.items():
        if isinstance(value, dict):
            found += [((name, *path), leaf) for path, leaf in leaves(value)]
        else:
            found.append(((name,), value))
    return found


def _spoken(value: Any) -> str:
    kinds = {bool: "a boolean", int: "a number", float: "a number", list: "an array"}
    kinds |= {dict: "a table", str: "a string"}
    return kinds.get(type(value), "a date")
