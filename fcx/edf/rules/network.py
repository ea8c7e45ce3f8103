"""The hooks of the network: fit for the image, for the site, and for one another."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from ..network import (
    CXI,
    FROM_ARTIFACT,
    NCCL,
    SOURCE,
    VARIANT,
    brings_own_stack,
    computes_with,
    fitting,
    speaks_mpi,
    speaks_nccl,
)
from ..pair import is_generated
from ..schema import VARIANTS
from ..toml import Path
from ..variables import VARIABLE
from . import fixes
from .context import NOTE, WARNING, Context, Hit
from .hooks import annotated

_CUDA_MAJOR = re.compile(r"cuda[-_]?(1[1-9])(?![0-9])", re.IGNORECASE)
_ROCM = re.compile(r"(^|[^a-z])(rocm|amd-mi\d+)", re.IGNORECASE)


def variant(context: Context) -> Iterator[Hit]:
    """The aws_ofi_nccl hook's variant: known, switched on, fit for image and site."""
    given = {name: (path, value) for path, name, value in annotated(context)}
    if VARIANT not in given:
        return
    path, value = given[VARIANT]
    everything = (context.whole or context.edf).annotations
    if not isinstance(value, str) or VARIABLE.search(value):
        return
    if everything.get(NCCL) != "true" and context.whole:
        what, why = "a variant for a hook that is off", 'enabled is not "true"'
        fix = f"{fixes.below(context.index, 'annotations', NCCL, 'true')}, or {fixes.OUT}"
        yield Hit(path, "hook-off", WARNING, what, why, fix)
    elif value not in VARIANTS:
        near = difflib.get_close_matches(value, VARIANTS, 1, 0.5)
        fix = fixes.meant(near[0]) if near else f"{fixes.OUT}; known: {', '.join(VARIANTS)}"
        what, why = f"unknown variant {value!r}", "there is no plugin of that name to mount"
        yield Hit(path, "hook-variant", WARNING, what, why, fix)
    elif not everything.get(SOURCE, "").startswith("artifact"):
        yield from _misfit(context, path, value)


def _misfit(context: Context, path: Path, value: str) -> Iterator[Hit]:
    """A variant that fits neither site nor image, as far as both tell."""
    site = context.site.name.lower() if context.site else ""
    gpus = context.site.accelerators if context.site else ""
    kind = value.rstrip("0123456789").removesuffix("-dl")
    found, major, why = _of_image(context)
    fits: list[str] = []
    if gpus == "none":
        why = f"the nodes of {site} have no GPU"
    elif gpus and gpus != kind:
        why, fits = f"the GPUs of {site} want {gpus}", _of_kind(gpus)
    elif found and found != kind:
        fits = fitting(found, major) or _of_kind(found)
    elif found and value[len(kind) :].isdigit() and major and value != f"{kind}{major}":
        fits = fitting(found, major)
        if site in FROM_ARTIFACT and _source(context) != "host":
            return  # the variant is ignored there
    else:
        return
    what = f"the variant {value} does not fit"
    fix = f"{fixes.OUT}, and the hook's switch with it"
    if fits:
        fix = fixes.item(fits[0]) + "".join(f', or "{name}"' for name in fits[1:])
        fix += ": that of the image's own CUDA or ROCm"
    yield Hit(path, "hook-variant", WARNING, what, why, fix)


def _of_image(context: Context) -> tuple[str, str, str]:
    """What an image computes with, the version, and where that is known from."""
    if context.manifest:
        kind, major = computes_with(context.manifest)
        if kind:
            return kind, major, f"the image has {kind} {major}, says its manifest"
    image = _image(context)
    cuda = _CUDA_MAJOR.search(image)
    if _ROCM.search(image):
        return "rocm", "", f"the image looks like a ROCm one ({image})"
    if cuda:
        return "cuda", cuda[1], f"the image looks like a CUDA {cuda[1]} one ({image})"
    return "", "", ""


def _of_kind(gpus: str) -> list[str]:
    """The variants for one maker's GPUs, the newest first."""
    return [name for name in reversed(VARIANTS) if name.startswith(gpus)]


def without_variant(context: Context) -> Iterator[Hit]:
    """The aws_ofi_nccl hook without a variant, where one is looked at."""
    everything = _all(context)
    site = context.site.name.lower() if context.site else ""
    artifact = site in FROM_ARTIFACT and _source(context) != "host"
    if VARIANT in everything or artifact or _source(context).startswith("artifact"):
        return
    for path, name, value in annotated(context):
        if name == NCCL and value == "true" and context.whole:
            what, why = "the hook for NCCL has no variant", "which plugin is put in is not said"
            fits = fitting(*_of_image(context)[:2])
            fix = fixes.below(context.index, "annotations", VARIANT, fits[0] if fits else "cuda-dl")
            yield Hit(path, "hook-without-variant", NOTE, what, why, fix)


def at_odds(context: Context) -> Iterator[Hit]:
    """Hooks that undo one another, or what the image brings."""
    everything, own = _all(context), brings_own_stack(_image(context), context.manifest)
    for path, name, value in annotated(context):
        if own and name in (CXI, NCCL) and value == "true":
            what = f"{name} over the image's own network stack"
            why = "such an image brings libfabric and NCCL's plugin, which the hook replaces"
            yield Hit(path, "hooks-at-odds", WARNING, what, why, fixes.item("false"))
        elif name == CXI and value == "false" and everything.get(NCCL) == "true":
            what, why = "the CXI hook is off under that for NCCL", "NCCL's plugin works through it"
            fix = fixes.item("true") + ", or take the line out: the hook for NCCL switches it on"
            yield Hit(path, "hooks-at-odds", WARNING, what, why, fix)


def unasked(context: Context) -> Iterator[Hit]:
    """An image that talks MPI or NCCL at a site whose fast network no hook puts into it."""
    if not context.manifest or not context.site or context.site.fabric != "slingshot":
        return
    if context.whole is None or is_generated(context.edf.text):  # what is added says more
        return
    everything = _all(context)
    if brings_own_stack(_image(context), context.manifest) or everything.get(NCCL) == "true":
        return
    site, gpus = context.site.name, context.site.accelerators
    if speaks_nccl(context.manifest) and gpus in ("cuda", "rocm"):
        what, asked, option = f"no hook for NCCL, which the image has, at {site}", NCCL, "--nccl"
    elif speaks_mpi(context.manifest) and everything.get(CXI) != "true":
        what, asked, option = f"no CXI hook for the image's MPI at {site}", CXI, "--mpi"
    else:
        return
    why = "without it nodes talk by TCP, at a fraction of the speed, unless the system has it on"
    place: Path = ("annotations", *asked.split("."))
    if everything.get(asked) == "false":
        why = "it is switched off, so nodes talk by TCP, at a fraction of the speed"
    fix = f"`fcx edf write {option}`, if tasks talk from node to node"
    yield Hit(place if place in context.index.values else (), "slow-network", NOTE, what, why, fix)


def _all(context: Context) -> dict[str, str]:
    return dict((context.whole or context.edf).annotations)


def _image(context: Context) -> str:
    return (context.whole or context.edf).image or ""


def _source(context: Context) -> str:
    return _all(context).get(SOURCE, "")
