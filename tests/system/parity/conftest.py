"""What the tests of parity share."""

from __future__ import annotations

import os

import pytest
from parity.environments import Stock


@pytest.fixture(scope="session")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Stock:
    """What environments are made of, in a folder that all workers of this run share."""
    base = tmp_path_factory.getbasetemp()
    return Stock((base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "parity-stock")
