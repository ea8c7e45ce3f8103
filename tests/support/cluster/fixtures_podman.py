"""Podman as a session-scoped fixture; each xdist worker has its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cluster.podman import Podman, missing, podman_storage


@pytest.fixture(scope="session")
def podman() -> Iterator[Podman]:
    """A podman of its own with a base image. Skips where none can be had."""
    lack = missing()
    if lack:
        pytest.skip(lack)
    with podman_storage() as made:
        yield made
