"""Which image of the engine's will do as a base, by the platform in its record."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from fcx.image.bases import Platforms, platform_of

AMD, ARM = "linux/amd64", "linux/arm64"


@pytest.mark.parametrize(
    ("local", "wanted", "found", "serves"),
    [
        (AMD, AMD, AMD, True),
        (AMD, ARM, ARM, True),
        (AMD, "linux/arm64/v8", ARM, True),
        (AMD, ARM, AMD, False),
        (AMD, AMD, ARM, False),
        (AMD, AMD, "linux/386", True),
        (ARM, AMD, "linux/386", False),
        (ARM, ARM, "linux/arm", True),
        (AMD, AMD, "windows/amd64", False),
    ],
)
def test_what_serves_as_a_base(local: str, wanted: str, found: str, serves: bool):
    """Its own kind; what the engine's own processor runs beside, where that is meant."""
    system, _, machine = found.partition("/")
    image = SimpleNamespace(attrs={"Os": system, "Architecture": machine})
    assert platform_of(image) == found
    assert Platforms(local, wanted).serves(image, wanted) is serves
