"""Annotations, which switch the engine's hooks: known, well spelt, and fit for one another."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..schema import ANNOTATIONS, HOOK_SWITCHES, VARIANTS, leaves
from ..toml import Path
from ..variables import VARIABLE
from .context import WARNING, Context, Hit

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
_CUDA_MAJOR = re.compile(r"cuda[-_]?(1[1-9])(?![0-9])", re.IGNORECASE)
_ROCM = re.compile(r"(^|[^a-z])(rocm|amd-mi\d+)", re.IGNORECASE)
_MAX_GUESSES = 500  # nearest names looked for in one file; each takes 0.2 ms
_VARIANT = "com.hooks.aws_ofi_nccl.variant"


def names(context: Context) -> Iterator[Hit]:
    """Annotations that nobody knows: ``com.`` forgotten, or misspelt."""
    guesses = _MAX_GUESSES
    for path, name, _ in _annotations(context):
        if re.match(r"(hooks|pyxis|sarus)\.", name):
            what, why = (
                f"annotation {name} lacks its com.",
                "no engine looks at it, so it does nothing",
            )
            yield Hit(path, "missing-com", WARNING, what, why, f"write com.{name}")
            continue
        ours = name.startswith(_PREFIXES)
        if name in ANNOTATIONS or name.startswith("com.sarus.") or not (ours or guesses):
            continue
        near: list[str] = []
        if guesses:
            near = difflib.get_close_matches(name.lower(), ANNOTATIONS, 1, 0.6 if ours else 0.85)
            guesses -= 1
        if ours or near:
            fix = f"did you mean {near[0]}?" if near else f"known ones: {', '.join(ANNOTATIONS)}"
            why = "engines ignore an annotation that they do not know, without a word"
            yield Hit(path, "unknown-annotation", WARNING, f"unknown annotation {name}", why, fix)


def values(context: Context) -> Iterator[Hit]:
    """Switches that are neither ``"true"`` nor ``"false"``, sources that are none."""
    for path, name, value in _annotations(context):
        if not isinstance(value, str) or VARIABLE.search(value):
            continue
        if name in HOOK_SWITCHES and value not in ("true", "false"):
            why, fix = "the hook compares it with the word true", 'write "true" or "false"'
            what = f"{name} is {value!r}"
            yield Hit(path, "annotation-value", WARNING, what, why, fix)
        elif name == "com.hooks.netstack.source" and not re.fullmatch(
            r"host|artifact(:.+)?", value
        ):
            what, why = f"{name} is {value!r}", "there are only two sources"
            yield Hit(path, "annotation-value", WARNING, what, why, 'write "host" or "artifact"')
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
        fix = 'add com.hooks.aws_ofi_nccl.enabled = "true", or take the variant out'
        yield Hit(path, "hook-off", WARNING, what, why, fix)
    elif value not in VARIANTS:
        near = difflib.get_close_matches(value, VARIANTS, 1, 0.5)
        fix = f"did you mean {near[0]}?" if near else f"known: {', '.join(VARIANTS)}"
        what, why = f"unknown variant {value!r}", "there is no plugin of that name to mount"
        yield Hit(path, "hook-variant", WARNING, what, why, fix)
    elif not source.startswith("artifact") and (why := _misfit(context, value)):
        fix = "take the variant of the image's own CUDA or ROCm"
        yield Hit(path, "hook-variant", WARNING, f"the variant {value} does not fit", why, fix)


def _misfit(context: Context, value: str) -> str:
    """Why a variant fits neither site nor image, as far as their names tell; empty if it may."""
    site = context.site.name.lower() if context.site else ""
    gpus = GPUS.get(site, "")
    kind = value.rstrip("0123456789").removesuffix("-dl")
    if gpus == "none":
        return f"the nodes of {site} have no GPU"
    if gpus and gpus != kind:
        return f"the GPUs of {site} want {gpus}"
    image = (context.whole or context.edf).image or ""
    if bool(_ROCM.search(image)) and kind != "rocm":
        return f"the image looks like a ROCm one ({image})"
    major = _CUDA_MAJOR.search(image)
    if major and (kind == "rocm" or (value[4:].isdigit() and value[4:] != major[1])):
        return f"the image looks like a CUDA {major[1]} one ({image})"
    return ""


def needs(context: Context) -> Iterator[Hit]:
    """Hooks that want something else of the EDF: a writable container, a key."""
    everything = (context.whole or context.edf).annotations
    for path, name, value in _annotations(context):
        if name not in ("com.hooks.ssh.enabled", "com.hooks.nvidia_cuda_mps.enabled"):
            continue
        on = _is_on(value)
        if on and context.whole and context.whole.writable is False:
            what, why = f"{name} in a read-only container", "the hook writes into the container"
            yield Hit(path, "hook-needs-writable", WARNING, what, why, "write writable = true")
        if on and ".ssh." in name and context.whole and not _has_key(everything):
            what, why = "the ssh hook has no key", "nobody can log in then"
            fix = 'add com.hooks.ssh.authorize_ssh_key = "/path/of/key.pub"'
            yield Hit(path, "ssh-key", WARNING, what, why, fix)


def _is_on(value: Any) -> bool:
    return value in ("true", True)


def _has_key(annotations: Mapping[str, str]) -> bool:
    return "com.hooks.ssh.authorize_ssh_key" in annotations


def _annotations(context: Context) -> Iterator[tuple[Path, str, Any]]:
    for path, value in leaves(context.data.get("annotations", {})):
        yield ("annotations", *path), ".".join(path), value
