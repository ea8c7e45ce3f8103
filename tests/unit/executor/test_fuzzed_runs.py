"""Logs, outcomes and run directories of every shape: typed errors only, and both lives go on."""

from __future__ import annotations

import json

import pytest
from fuzzing import attaching, cores, logs
from fuzzing.trials import trials

test_what_is_misshapen, test_what_is_right = trials(
    [*logs.ENTRIES, *attaching.ENTRIES, *cores.ENTRIES[:2]]
)


@pytest.mark.parametrize(
    ("folder", "name"),
    [("clients", "²"), ("clients", "9" * 5000), ("locks", "é"), ("locks", "a b"), ("inbox", "b²")],
)
def test_names_that_are_none_of_ours(folder, name):
    """Somebody's file in the run directory keeps nobody from taking the run over."""
    (entry,) = attaching.ENTRIES
    tree = json.loads(entry.texts[0])
    tree[folder][name] = attaching.LINK + "7"
    assert entry.try_out(json.dumps(tree).encode())
