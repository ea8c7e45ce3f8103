"""Bundles, orders and configurations of every shape: ValueError only."""

from __future__ import annotations

import random

import pytest
from fuzzing import inbox
from hypothesis import given
from hypothesis import strategies as st

ENTRIES = inbox.ENTRIES[:-1]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
@given(st.integers(0, 2**32))
def test_what_is_misshapen(entry, seed):
    """It is taken or refused in words; `make fuzz` tries for longer."""
    entry.try_out(entry.wrong(random.Random(seed)))


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_what_is_right(entry):
    """At least one of the examples is taken: else nothing behind the first check is tried."""
    assert any(map(entry.try_out, entry.texts))
