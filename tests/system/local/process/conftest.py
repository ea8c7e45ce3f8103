"""A cluster of the process back end, and a user of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from workbench import KILL_WAIT, MINUTE, Bench

from fcx.local import cluster


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A cluster of two nodes, whose minutes are short."""
    root = tmp_path_factory.mktemp("c")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FCX_SERVERS_OWN", "secret")
        with (
            cluster(nodes=2, minute=MINUTE, kill_wait=KILL_WAIT, root=root) as env,
            Bench(env) as bench,
        ):
            yield bench
