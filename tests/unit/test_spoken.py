"""What is said to people in passing."""

from __future__ import annotations

import pytest

from fcx import spoken


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("swep", " Did you mean 'sweep'?"),
        ("nothing", ""),
        ("", ""),
    ],
)
def test_a_name_that_may_have_been_meant(name: str, told: str):
    """One alone, and none that is not much like it."""
    assert spoken.meant(name, ["sweep", "sleep-2", "other"]) == told
