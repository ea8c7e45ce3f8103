"""How an image is named, for either engine."""

from __future__ import annotations

import pytest

from fcx.edf.reference import Reference


@pytest.mark.parametrize(
    ("text", "ce", "sarus"),
    [
        ("ubuntu:24.04", "ubuntu:24.04", "ubuntu:24.04"),
        ("library/ubuntu", "library/ubuntu", "library/ubuntu"),
        ("nvcr.io#nvidia/p:1", "nvcr.io#nvidia/p:1", "nvcr.io/nvidia/p:1"),
        ("nvcr.io/nvidia/p:1", "nvcr.io#nvidia/p:1", "nvcr.io/nvidia/p:1"),
        ("localhost:5000/a/b:1", "localhost:5000#a/b:1", "localhost:5000/a/b:1"),
        ("me@r.io#a/b:1@sha256:ab", "me@r.io#a/b:1@sha256:ab", "me@r.io/a/b:1@sha256:ab"),
        ("r.io/a@sha256:ab", "r.io#a@sha256:ab", "r.io/a@sha256:ab"),
        ("docker.io/me/a@sha256:ab", "me/a@sha256:ab", "docker.io/me/a@sha256:ab"),
        ("/x/y.sqsh", "/x/y.sqsh", "/x/y.sqsh"),
        ("${SCRATCH}/y.sqsh", "${SCRATCH}/y.sqsh", "${SCRATCH}/y.sqsh"),
    ],
)
def test_image_references_are_spelt_for_either_engine(text, ce, sarus):
    """`registry#image` for the CE, `registry/image` for Sarus; paths as they are."""
    assert Reference.parse(text).spelt("ce") == ce
    assert Reference.parse(text).spelt("sarus") == sarus
