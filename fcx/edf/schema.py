"""What an EDF may contain: keys, annotations, mounts and image references, in both dialects.

CE is the engine behind ``srun --environment``, Sarus the one behind ``srun --edf``. Sources: the
CSCS documentation of both, and the parser of the Sarus suite.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
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

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
VARIABLE = re.compile(
    rf"(?P<dollars>\$\$)|\$\{{(?P<name>{_NAME})(?::-(?P<default>[^}}]*))?\}}|(?P<odd>\$\{{[^}}]*\}}?)"
    rf"|\$(?P<bare>{_NAME})|(?P<command>\$\()"
)
"""``$$``, ``${NAME}``, ``${NAME:-default}``, and what looks like a variable but is none."""

_COLON = re.compile(r"\$\{[^}]*\}|(:)")


def split_mount(text: str) -> list[str]:
    """Split at colons, but not at those within ``${NAME:-default}``."""
    cuts = [match.start() for match in _COLON.finditer(text) if match[1]]
    starts = [0, *(cut + 1 for cut in cuts)]
    return [text[a:b] for a, b in zip(starts, [*cuts, len(text)], strict=True)]


@dataclass(frozen=True)
class Mount:
    """One entry of ``mounts``: source, target and flags; ``tmpfs`` and ``umount`` are sources."""

    source: str
    target: str
    flags: tuple[str, ...] = ()
    single: bool = False  # one path stood for both

    @classmethod
    def parse(cls, text: str) -> Mount | None:
        """Read ``SRC:DST[:FLAGS]`` or ``PATH``; None for what is neither."""
        parts = split_mount(text)
        if len(parts) == 3 and not parts[2]:
            parts.pop()  # SRC:DST: has no flags
        if len(parts) > 3 or not all(parts):
            return None
        flags = tuple(parts[2].split("+")) if len(parts) == 3 else ()
        return cls(parts[0], parts[1] if len(parts) > 1 else parts[0], flags, len(parts) == 1)

    def __str__(self) -> str:
        return ":".join([self.source, self.target, *(["+".join(self.flags)] if self.flags else [])])


def whole_mount(text: str) -> str:
    """A mount with source and target written out; unchanged where it is no mount at all."""
    mount = Mount.parse(text)
    if mount is None or not mount.single:
        return text
    whole = Mount.parse(str(mount))
    return text if whole is None or whole.single else str(whole)


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


@dataclass(frozen=True)
class Image:
    """What ``image`` says: a path of a ``.sqsh``, or user, registry, repository, tag, digest."""

    path: str = ""
    user: str = ""
    registry: str = ""
    hashed: bool = False  # the registry ended in "#", as the CE has it
    repository: str = ""
    tag: str = ""
    digest: str = ""

    @classmethod
    def parse(cls, text: str) -> Image:
        """Read either dialect's spelling; never fails."""
        if is_image_path(text):
            return cls(path=text)
        rest, _, digest = text.partition("@sha256:")
        user, _, rest = rest.rpartition("@") if "@" in rest else ("", "", rest)
        registry, hashed, rest = rest.rpartition("#")
        first, _, after = rest.partition("/")
        if not hashed and after and ("." in first or ":" in first or first == "localhost"):
            registry, rest = first, after
        repository, colon, tag = rest.rpartition(":") if ":" in rest else (rest, "", "")
        return cls("", user, registry, bool(hashed), repository, tag if colon else "", digest)

    def spelt(self, dialect: str) -> str:
        """The reference as the CE (``registry#image``) or Sarus (``registry/image``) takes it."""
        if self.path:
            return self.path
        user = f"{self.user}@" if self.user else ""
        registry = self.registry + ("#" if dialect == "ce" else "/") if self.registry else ""
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@sha256:{self.digest}" if self.digest else ""
        return f"{user}{registry}{self.repository}{tag}{digest}"


def is_image_path(text: str) -> bool:
    """Whether an image is given as a file rather than as a reference to a registry."""
    return text.startswith(("/", "./", "../", "~")) or bool(
        re.search(r"\.(sqsh|sqfs|squashfs)$", text) or re.match(r"\$\{?\w+(:-[^}]*)?\}?/", text)
    )
