"""The two tests that each room makes of its entries."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuzzing.entry import Entry


def trials(entries: Sequence[Entry]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Of what is misshapen, and of what is right."""
    each = pytest.mark.parametrize("entry", entries, ids=lambda entry: entry.name)

    @each
    @given(st.integers(0, 2**32))
    def misshapen(entry: Entry, seed: int) -> None:
        """It is taken or refused in words; `make fuzz` tries for longer."""
        entry.try_out(entry.wrong(random.Random(seed)))

    @each
    def right(entry: Entry) -> None:
        """At least one of the examples is taken: else nothing behind the first check is tried."""
        assert any(map(entry.try_out, entry.texts))

    return misshapen, right
