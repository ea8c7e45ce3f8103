"""Bundles, orders and configurations of every shape: ValueError only."""

from __future__ import annotations

from fuzzing import inbox
from fuzzing.trials import trials

test_what_is_misshapen, test_what_is_right = trials(inbox.ENTRIES[:-1])
