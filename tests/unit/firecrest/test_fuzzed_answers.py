"""Answers of every shape, through the real client: typed errors only."""

from __future__ import annotations

from fuzzing import answers
from fuzzing.trials import trials

test_what_is_misshapen, test_what_is_right = trials(answers.ENTRIES)
