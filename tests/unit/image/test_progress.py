"""What engines tell of a pull, a push or a build, and how a failure is put into words."""

from __future__ import annotations

import pytest

from fcx.errors import EngineError
from fcx.image.progress import Silent, follow_layers


class Told:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.layers: list[tuple[str, str, int, int]] = []

    def step(self, text: str) -> None:
        """None of these events is a step."""
        raise AssertionError(text)

    def line(self, text: str) -> None:
        """Nor a line."""
        raise AssertionError(text)

    def layer(self, name: str, status: str, done: int, total: int) -> None:
        """Keep it."""
        self.layers.append((name, status, done, total))


EVENTS = [
    {"status": "The push refers to a repository"},
    {"id": "a1", "status": "Pushing", "progressDetail": {"current": 5, "total": 10}},
    {"id": "a1", "status": "Pushed", "progressDetail": {}},
    {"id": "b2", "status": "Preparing"},
    {"aux": {"Tag": "v1", "Digest": "sha256:01", "Size": 3}},
    {},
]


def test_layers_are_told_and_the_digest_is_found():
    """Sizes where they are known; what is about no layer is passed over."""
    told = Told()
    assert follow_layers(EVENTS, "Pushing", told) == "sha256:01"
    assert told.layers == [
        ("a1", "Pushing", 5, 10),
        ("a1", "Pushed", 0, 0),
        ("b2", "Preparing", 0, 0),
    ]


def test_an_error_among_the_events_ends_it_with_a_remedy():
    """In the engine's own words."""
    events = [*EVENTS, {"error": "unauthorized: authentication required"}]
    with pytest.raises(EngineError, match=r"Pushing failed: unauthorized.*docker login r\.io`"):
        follow_layers(events, "Pushing", Silent(), "r.io")
