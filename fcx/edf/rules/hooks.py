"""Annotations, which switch the engine's hooks: known, well spelt, and fit for one another."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..schema import ANNOTATIONS, HOOK_SWITCHES, VARIANTS, leaves
from ..toml import Path
from ..variables import VARIABLE
from . import fixes
from .context import WARNING, Context, Hit
from .keys import belongs_elsewhere

GPUS = {
    "clariden": "cuda",
    "daint": "cuda",
    "santis": "cuda",
    "bristen": "cuda",
    "beverin": "rocm",
    "eiger": "none",
}
"""What the nodes of the CSCS systems compute with, as the variants of a hook begin."""

_PREFIXES = ("com.hooks.", "com.pyxis.")
_CE_ONLY = ("com.hooks.ssh.", "com.hooks.netstack.", "com.pyxis.")
_CUDA_MAJOR = re.compile(r"cuda[-_]?(1[1-9])(?![0-9])", re.IGNORECASE)
_ROCM = re.compile(r"(^|[^a-z])(rocm|amd-mi\d+)", re.IGNORECASE)
_MAX_GUESSES = 500  # nearest names looked for in one file; each takes 0.2 ms
_VARIANT = "com.hooks.aws_ofi_nccl.variant"


def names(context: Context) -> Iterator[Hit]:
    """Annotations that nobody knows: ``com.`` forgotten, or misspelt."""
    guesses = _MAX_GUESSES
    for path, name, _ in _annotations(context):
        if re.match(r"(hooks|pyxis|sarus)\.", name):
            what = f"annotation {name} lacks its com."
            why = "no engine looks at it, so it does nothing"
            fix = _with_com(context, path, name)
            yield Hit(path, "missing-com", WARNING, what, why, fix)
            continue
        ours = name.startswith(_PREFIXES)
        if belongs_elsewhere(name.rpartition(".")[2]):
            continue
        if name in ANNOTATIONS or name.startswith("com.sarus.") or not (ours or guesses):
            continue
        near: list[str] = []
        if guesses:
            near = difflib.get_close_matches(name.lower(), ANNOTATIONS, 1, 0.6 if ours else 0.85)
            guesses -= 1
        if ours or near:
            fix = f"{fixes.OUT}; known ones: {', '.join(ANNOTATIONS)}"
            if near:
                fix = fixes.meant(near[0]) + f" Then {_respelt(context, path, near[0])}"
            why = "engines ignore an annotation that they do not know, without a word"
            yield Hit(path, "unknown-annotation", WARNING, f"unknown annotation {name}", why, fix)


def _with_com(context: Context, path: Path, name: str) -> str:
    """The header of the annotation's table where ``hooks`` stands in it, else its own name."""
    heads = [head for head in context.index.headers if path[: len(head)] == head and len(head) > 1]
    if heads:
        _, *parts = max(heads, key=len)
        return f"write com.{name}: {fixes.header(('annotations', 'com', *parts))}"
    return fixes.renamed(f"com.{name}")


def _respelt(context: Context, path: Path, name: str) -> str:
    """A better name for an annotation, as its place in the file has it spelt."""
    heads = [head for head in context.index.headers if path[: len(head)] == head]
    inside = max(heads, key=len, default=("annotations",))[1:]
    parts = tuple(name.split("."))
    if parts[: len(inside)] != inside:
        return f"move it below [{'.'.join(('annotations', *parts[:-1]))}] as {parts[-1]}"
    prefix = ("annotations",) if not heads else ()
    return fixes.renamed(".".join((*prefix, *parts[len(inside) :])))


def values(context: Context) -> Iterator[Hit]:
    """Switches that are neither ``"true"`` nor ``"false"``, sources that are none."""
    for path, name, value in _annotations(context):
        if not isinstance(value, str) or VARIABLE.search(value):
            continue
        if name in HOOK_SWITCHES and value not in ("true", "false"):
            why = "the hook compares it with the word true"
            on = value.strip().lower() in ("true", "yes", "on", "1", "enabled")
            fix = fixes.item("true" if on else "false") + " (it is true or false)"
            what = f"{name} is {value!r}"
            yield Hit(path, "annotation-value", WARNING, what, why, fix)
        elif name == "com.hooks.netstack.source" and not re.fullmatch(
            r"host|artifact(:.+)?", value
        ):
            what, why = f"{name} is {value!r}", "there are only two sources"
            yield Hit(path, "annotation-value", WARNING, what, why, 'write "host" (or "artifact")')
        elif name == "com.hooks.ssh.authorize_ssh_key" and not value.startswith(("/", "<")):
            what = f"{name} is no absolute path"
            why, fix = "it names a file that holds the public key", "write the path of that file"
            yield Hit(path, "annotation-value", WARNING, what, why, fix)


def variant(context: Context) -> Iterator[Hit]:
    """The aws_ofi_nccl hook's variant: known, switched on, fit for image and site."""
    given = {name: (path, value) for path, name, value in _annotations(context)}
    if _VARIANT not in given:
        return
    path, value = given[_VARIANT]
    everything = (context.whole or context.edf).annotations
    source = everything.get("com.hooks.netstack.source", "")
    if not isinstance(value, str) or VARIABLE.search(value):
        return
    if everything.get("com.hooks.aws_ofi_nccl.enabled") != "true" and context.whole:
        what, why = "a variant for a hook that is off", 'enabled is not "true"'
        switch = "com.hooks.aws_ofi_nccl.enabled"
        fix = f"{fixes.below(context.index, 'annotations', switch, 'true')}, or {fixes.OUT}"
        yield Hit(path, "hook-off", WARNING, what, why, fix)
    elif value not in VARIANTS:
        near = difflib.get_close_matches(value, VARIANTS, 1, 0.5)
        fix = fixes.meant(near[0]) if near else f"{fixes.OUT}; known: {', '.join(VARIANTS)}"
        what, why = f"unknown variant {value!r}", "there is no plugin of that name to mount"
        yield Hit(path, "hook-variant", WARNING, what, why, fix)
    elif not source.startswith("artifact"):
        yield from _misfit(context, path, value)


def _misfit(context: Context, path: Path, value: str) -> Iterator[Hit]:
    """A variant that fits neither site nor image, as far as their names tell."""
    site = context.site.name.lower() if context.site else ""
    image = (context.whole or context.edf).image or ""
    gpus, major = GPUS.get(site, ""), _CUDA_MAJOR.search(image)
    kind = value.rstrip("0123456789").removesuffix("-dl")
    fitting: list[str] = []
    if gpus == "none":
        why = f"the nodes of {site} have no GPU"
    elif gpus and gpus != kind:
        why, fitting = f"the GPUs of {site} want {gpus}", _of_kind(gpus)
    elif _ROCM.search(image) and kind != "rocm":
        why, fitting = f"the image looks like a ROCm one ({image})", _of_kind("rocm")
    elif major and (kind == "rocm" or (value[4:].isdigit() and value[4:] != major[1])):
        why = f"the image looks like a CUDA {major[1]} one ({image})"
        fitting = [name for name in VARIANTS if name == f"cuda{major[1]}"]
    else:
        return
    what = f"the variant {value} does not fit"
    fix = f"{fixes.OUT}, and the hook's switch with it"
    if fitting:
        fix = fixes.item(fitting[0]) + "".join(f', or "{name}"' for name in fitting[1:])
        fix += ": that of the image's own CUDA or ROCm"
    yield Hit(path, "hook-variant", WARNING, what, why, fix)


def _of_kind(gpus: str) -> list[str]:
    """The variants for one maker's GPUs, the newest first."""
    return [name for name in reversed(VARIANTS) if name.startswith(gpus)]


def needs(context: Context) -> Iterator[Hit]:
    """Hooks that want something else of the EDF: a writable container, a key."""
    everything = (context.whole or context.edf).annotations
    for path, name, value in _annotations(context):
        if name not in ("com.hooks.ssh.enabled", "com.hooks.nvidia_cuda_mps.enabled"):
            continue
        on = _is_on(value)
        if on and context.whole and context.whole.writable is False:
            what, why = f"{name} in a read-only container", "the hook writes into the container"
            yield Hit(
                path, "hook-needs-writable", WARNING, what, why, fixes.top("writable", data=True)
            )
        if on and ".ssh." in name and context.whole and not _has_key(everything):
            what, why = "the ssh hook has no key", "nobody can log in then"
            needed = "com.hooks.ssh.authorize_ssh_key"
            fix = fixes.below(context.index, "annotations", needed, "/users/ME/key.pub")
            yield Hit(path, "ssh-key", WARNING, what, why, fix)


def unsupported(context: Context) -> Iterator[Hit]:
    """Hooks of the CE that the Sarus suite does not have."""
    for path, name, _ in _annotations(context) if context.sarus else ():
        if name in ANNOTATIONS and name.startswith(_CE_ONLY):
            what, why = f"{name} does nothing on Sarus", "it has no such hook yet"
            yield Hit(path, "hook-absent", WARNING, what, why, fixes.OUT)


def _is_on(value: Any) -> bool:
    return value in ("true", True)


def _has_key(annotations: Mapping[str, str]) -> bool:
    return "com.hooks.ssh.authorize_ssh_key" in annotations


def _annotations(context: Context) -> Iterator[tuple[Path, str, Any]]:
    for path, value in leaves(context.data.get("annotations", {})):
        yield ("annotations", *path), ".".join(path), value
