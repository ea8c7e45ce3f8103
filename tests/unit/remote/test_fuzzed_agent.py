"""What an agent finds in its inbox, and hears from its workers: it is refused, and no more."""

from __future__ import annotations

from fuzzing import cores, inbox, supplies
from fuzzing.trials import trials

test_what_is_misshapen, test_what_is_right = trials(
    [inbox.ENTRIES[-1], *supplies.ENTRIES, *cores.ENTRIES[2:]]
)
