"""Of each kind in the table of parity one through all of fcx: submitted, refused, fixed, run.

The table itself (``test_environments.py``) judges without a server; here an executor sends a task
over a real API to a pilot that probes, and to a worker.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from parity.cases import Case
from parity.environments import Stock
from parity.table import TABLE
from parity.trial import Bench
from parity.whole import carried_out

from fcx.local import Environment

pytestmark = pytest.mark.slow

NAMES = {
    "in a body, another release",
    "by its name as text, absent",
    "half of a namespace",
    "metadata alone",
    "a sibling",
    "Python without sqlite3",
    "PYTHONPATH, a folder of nobody's",
    "dill, another one",
    "dill, none",
    "a sitecustomize that prints",
    "PyPy",
}
CASES = [case for case in TABLE if case.name in NAMES]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_task_is_submitted(case: Case, site: Environment, tmp_path: Path, stock: Stock) -> None:
    """It comes to what the table says."""
    row = carried_out(Bench(case, tmp_path, stock), site)
    assert row.right, row


def test_each_kind_is_in_the_table() -> None:
    """PyPy alone may be missing, where this machine has none."""
    assert NAMES - {case.name for case in CASES} <= {"PyPy"}
