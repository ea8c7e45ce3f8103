"""The table of parity, pair by pair: what passes, what is refused, and what the fix does.

Each case is a pair of real environments and the source of a task; ``make parity`` prints what
comes of all of them.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from cluster.engine import which
from parity.cases import Case
from parity.environments import Stock
from parity.table import TABLE
from parity.trial import settled

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("case", TABLE, ids=lambda case: case.name)
def test_a_task_between_two_environments(case: Case, tmp_path: Path, stock: Stock) -> None:
    """Passes and runs, or is refused, and passes and runs after the fix."""
    if case.image and which("bwrap") is None:
        pytest.skip("no bubblewrap here, in which the images of the table are run")
    row = settled(case, tmp_path, stock)
    assert row.right, row


def test_the_table_is_large_enough() -> None:
    """No pair stands in it twice, and there are 60 of each kind that no manifest had to claim."""
    names = [case.name for case in TABLE]
    assert len(names) == len(set(names))
    real = [case for case in TABLE if not case.edited]
    assert sum(not case.code for case in real) >= 60
    assert sum(bool(case.code) for case in real) >= 60
