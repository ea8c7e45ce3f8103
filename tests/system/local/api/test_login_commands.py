"""Commands of the login node: too much output and endless reading end as they do on a real one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from firecrest.FirecrestException import UnexpectedStatusException
from workbench import Bench

from fcx.local import cluster


@pytest.fixture(scope="module")
def bench():
    """A cluster and a client of it."""
    with cluster() as env, Bench(env) as bench:
        yield bench


@pytest.mark.parametrize("end", ["head", "tail"])
def test_a_line_that_is_too_long_for_an_answer(bench: Bench, tmp_path: Path, end: str):
    """413, at once: the command is ended although nobody reads the rest of what it prints."""
    (tmp_path / "long").write_text("x" * 6_000_000)
    with pytest.raises(UnexpectedStatusException) as caught:
        getattr(bench.api, end)(bench.system, str(tmp_path / "long"))
    assert caught.value.responses[-1].status_code == 413


@pytest.mark.slow
def test_reading_what_never_ends(bench: Bench, tmp_path: Path):
    """408 after the login node's five seconds; the server answers others meanwhile and after."""
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(UnexpectedStatusException) as caught:
        bench.api.view(bench.system, str(tmp_path / "fifo"))
    assert caught.value.responses[-1].status_code == 408
    assert bench.api.systems()
