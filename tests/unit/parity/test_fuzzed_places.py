"""Probes, manifests and verdicts of every shape: typed errors only."""

from __future__ import annotations

from fuzzing import places
from fuzzing.trials import trials

test_what_is_misshapen, test_what_is_right = trials(places.ENTRIES)
