"""Streams are near the ideal at sites of all kinds, and take few requests."""

from __future__ import annotations

import pytest

from .streams import Site, Went, stream

pytestmark = pytest.mark.slow

SHORT, LONG = (1000, 0.1), (200, 1.0)  # tasks of so many seconds


@pytest.mark.parametrize(
    ("tasks", "site", "least"),
    [
        (SHORT, Site(), Went(0.95, 40)),
        (LONG, Site(), Went(0.96, 70)),
        (SHORT, Site(latency=0.3), Went(0.9, 30)),
        (LONG, Site(latency=0.3, per_minute=600), Went(0.93, 50)),
        (SHORT, Site(latency=1.0), Went(0.75, 20)),
        (LONG, Site(latency=1.0), Went(0.9, 30)),
        (LONG, Site(latency=0.3, per_minute=60), Went(0.93, 50)),
    ],
)
def test_a_stream_is_near_the_ideal(tasks: tuple[int, float], site: Site, least: Went) -> None:
    """In the mean of two worlds."""
    went = [stream(*tasks, site, seed=seed) for seed in range(2)]
    share = sum(each.share for each in went) / len(went)
    requests = sum(each.requests for each in went) / len(went)
    assert share >= least.share
    assert requests <= least.requests


@pytest.mark.parametrize(("count", "most"), [(100, 12), (1000, 15)])
def test_a_burst_of_short_tasks_takes_few_requests(count: int, most: int) -> None:
    """However many they are."""
    assert stream(count, 0.001, Site()).requests <= most
