"""Logs, outcomes and run directories of every shape: typed errors only, and both lives go on."""

from __future__ import annotations

import json
import random

import pytest
from fuzzing import attaching, cores, logs
from hypothesis import given
from hypothesis import strategies as st

ENTRIES = [*logs.ENTRIES, *attaching.ENTRIES, *cores.ENTRIES[:2]]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
@given(st.integers(0, 2**32))
def test_what_is_misshapen(entry, seed):
    """It is taken or refused in words; `make fuzz` tries for longer."""
    entry.try_out(entry.wrong(random.Random(seed)))


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_what_is_right(entry):
    """At least one of the examples is taken: else nothing behind the first check is tried."""
    assert any(map(entry.try_out, entry.texts))


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
