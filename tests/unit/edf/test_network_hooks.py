"""The hooks that MPI and NCCL want of a site's network: what is proposed, and what is told."""

from __future__ import annotations

import pytest
from edf_cases import AMD64, FINE, singles

from fcx.config import KNOWN_SITES, Site
from fcx.edf.adding import with_annotations
from fcx.edf.network import CXI, NCCL, VARIANT, computes_with, proposed
from fcx.edf.pair import WHOLE
from fcx.edf.read import parse
from fcx.errors import EdfError, UsageError
from fcx.records import replace

BRISTEN, BEVERIN, EIGER = (KNOWN_SITES[name] for name in ("bristen", "beverin", "eiger"))


def image(env=None, **distributions):
    """The manifest of an image with these distributions, ``_`` for ``-``."""
    return replace(AMD64, env=env or {}, distributions=distributions)


@pytest.mark.parametrize(
    ("manifest", "found"),
    [
        (image(), ("", "")),
        (image(torch="2.5.1"), ("", "")),
        (image(torch="2.5.1+cpu"), ("", "")),
        (image(torch="2.5.1+cu124"), ("cuda", "12")),
        (image(torch="2.9.0+rocm6.4"), ("rocm", "6")),
        (image(nvidia_cublas_cu12="12.4"), ("cuda", "12")),
        (image(nvidia_cuda_runtime="13.0.48"), ("cuda", "13")),
        (image(jax_cuda13_plugin="0.9"), ("cuda", "13")),
        (image(cupy_cuda12x="14.0"), ("cuda", "12")),
        (image({"CUDA_VERSION": "13.1.0.036"}, torch="2.5.1+cu124"), ("cuda", "13")),
        (image({"ROCM_VERSION": "6.3"}), ("rocm", "6")),
    ],
    ids=lambda v: str(v)[-60:],
)
def test_what_an_image_computes_with_is_told_by_its_base_or_its_packages(manifest, found):
    """The base's own word goes before those of the packages; none is none."""
    assert computes_with(manifest) == found


@pytest.mark.parametrize(
    ("manifest", "site", "variant"),
    [
        (image(torch="2.5.1+cu124"), BRISTEN, "cuda12"),
        (image({"CUDA_VERSION": "13.1"}), KNOWN_SITES["daint"], "cuda13"),
        (image({"CUDA_VERSION": "14.0"}), BRISTEN, "cuda-dl"),
        (image(), BRISTEN, "cuda-dl"),
        (image(torch="2.9.0+rocm6.4"), BEVERIN, "rocm6"),
        (image(torch="2.9.0+cu126"), Site("mine", network="slingshot", gpus="cuda"), "cuda12"),
    ],
)
def test_nccl_gets_the_variant_that_fits(manifest, site, variant):
    """That of the image's version where there is one; else the one that is linked to none."""
    wanted = {CXI: "true", NCCL: "true", VARIANT: variant}
    assert proposed(manifest, site, mpi=False, nccl=True) == wanted


@pytest.mark.parametrize(
    ("manifest", "site", "said"),
    [
        (image(torch="2.5.1+cu124"), EIGER, "the nodes of eiger have no GPU"),
        (image(torch="2.5.1+cu124"), BEVERIN, "computes with cuda, and the nodes of beverin"),
        (image({"ROCM_VERSION": "7.0"}), BEVERIN, "found rocm 7 in it"),
        (image(), BEVERIN, "found neither CUDA nor ROCm in it"),
        (image(), Site(""), r"no system was named.*--site.*\[site.NAME\]"),
        (image(), Site("mine"), r"network of mine is not known.*\[site.mine\]"),
    ],
)
def test_what_is_not_known_is_not_proposed(manifest, site, said):
    """The error says what was wanted, what was found, and what to do."""
    with pytest.raises(UsageError, match=said):
        proposed(manifest, site, mpi=False, nccl=True)


def test_mpi_wants_the_network_alone_and_an_image_with_a_stack_of_its_own_wants_none():
    """Nothing is proposed that was not asked for."""
    assert proposed(image(), EIGER, mpi=True, nccl=False) == {CXI: "true"}
    assert proposed(image(), Site(""), mpi=False, nccl=False) == {}
    own = replace(image(), base_image="ghcr.io/eth-cscs/alps-extended-images/ngc-pytorch:1")
    assert proposed(own, BRISTEN, mpi=True, nccl=True) == {CXI: "false"}


@pytest.mark.parametrize(
    "text",
    [
        FINE,
        FINE + '[annotations]\ncom.x = "1"\n',
        FINE + '[annotations.com.hooks.ssh]\nenabled = "true"\n',
        FINE + "[annotations.com.hooks.aws_ofi_nccl]\n# why\n",
        'annotations.com.x = "1"\n' + FINE,
    ],
)  # fmt: skip
@pytest.mark.parametrize("site", ["bristen", "santis"])
def test_what_is_proposed_is_nothing_that_the_check_minds(text, site):
    """However the file is laid out; what stood in it stands."""
    manifest = image(mpi4py="4.1", torch="2.5.1+cu124")
    place = replace(KNOWN_SITES[site], architecture="amd64")
    asked = {"dialect": "ce", "site": place, "manifest": manifest}
    before = {finding.code for finding in singles(text, **asked)}
    assert "slow-network" in before
    hooks = proposed(manifest, place, mpi=True, nccl=True)
    whole = with_annotations(text, hooks, "x.toml")
    assert {finding.code for finding in singles(whole, **asked)} == before - {"slow-network"}
    assert parse(whole).annotations == {**parse(text).annotations, **hooks}
    assert with_annotations(whole, hooks, "x.toml") == whole


def test_into_an_inline_table_nothing_is_added():
    """It has no lines; the message says how to write it."""
    with pytest.raises(EdfError, match=r"write it as a table, \[annotations\], first"):
        with_annotations('annotations = {com.x = "1"}\n', {CXI: "true"}, "x.toml")


def test_a_file_that_others_are_based_on_is_not_told_what_they_add():
    """fcx's own; and one whose base is absent may have it there."""
    asked = {"site": EIGER, "manifest": image(mpi4py="4.1"), "dialect": "ce"}
    assert singles(FINE, **asked)
    assert not singles(f"#: {WHOLE} (fcx 1)\n{FINE}", **asked)
    found = singles('base_environment = "nonesuch"\n' + FINE, **asked)
    assert {finding.code for finding in found} == {"base-absent"}
    assert not singles(FINE, **(asked | {"site": Site("mine")}))
