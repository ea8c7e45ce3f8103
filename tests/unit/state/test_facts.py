"""What is remembered of clusters counts for as long as it is young enough."""

from __future__ import annotations

from pathlib import Path

import pytest

from fcx.state import facts as module
from fcx.state.facts import Facts


class Clock:
    """Stands for the module ``time``."""

    def __init__(self) -> None:
        self.now = 1000.0

    def time(self) -> float:
        """Seconds since the epoch."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that stands still."""
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def test_a_fact_grows_old(tmp_path: Path, clock: Clock):
    """To the second; a clock that was set back makes none younger than new."""
    facts = Facts(tmp_path)
    facts.store("user", {"name": "me", "groups": [1]})
    clock.now += 60
    assert Facts(tmp_path).get("user", 60) == {"name": "me", "groups": [1]}
    assert facts.get_with_age("user") == ({"name": "me", "groups": [1]}, 60.0)
    assert facts.get("user", 59) is None
    clock.now = 5.0
    assert facts.get_with_age("user") == ({"name": "me", "groups": [1]}, 0.0)


def test_the_last_word_counts(tmp_path: Path, clock: Clock):
    """Storing again is new knowledge; what was forgotten is unknown."""
    facts = Facts(tmp_path)
    facts.store("user", "me")
    clock.now += 60
    facts.store("user", "you")
    assert facts.get_with_age("user") == ("you", 0.0)
    facts.forget("user")
    facts.forget("never known")
    assert facts.get_with_age("user") is None
    assert facts.get("user", 60) is None


def test_facts_of_one_kind(tmp_path: Path, clock: Clock):
    """By how their keys begin, letter for letter; however old."""
    facts = Facts(tmp_path)
    for key in ("folder % /b", "folder % /a", "folder _ /a", "user"):
        facts.store(key, True)
    clock.now += 1e9
    assert facts.keys("folder % ") == ["folder % /a", "folder % /b"]
    assert facts.keys("none") == []
