"""What squeue prints."""

from __future__ import annotations

import pytest

from fcx.local.programs.squeue import duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "UNLIMITED"), (5, "0:05"), (65, "1:05"), (3605, "1:00:05"), (90061, "1-01:01:01")],
)
def test_durations_are_written_as_squeue_does(seconds, text):
    """[days-]hours:mm:ss, or minutes:ss."""
    assert duration(seconds) == text
