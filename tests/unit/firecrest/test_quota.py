"""How many requests may be made: what answers tell of it, and what refusals do."""

from __future__ import annotations

import time

import pytest

from fcx.firecrest.quota import BURST, MOST, Quota, limits

HEADERS = [
    ({"RateLimit-Remaining": "30", "RateLimit-Reset": "20"}, (30.0, 20.0)),
    ({"X-RateLimit-Remaining": "30, 100;w=60", "X-RateLimit-Reset": "20"}, (30.0, 20.0)),
    ({"RateLimit": "limit=60, remaining=30, reset=20"}, (30.0, 20.0)),
    ({"RateLimit": '"default";r=30;t=20'}, (30.0, 20.0)),
    ({"X-RateLimit-Remaining-Minute": "30"}, (30.0, 60.0)),
    ({"RateLimit-Remaining": "0", "RateLimit-Reset": "20.5"}, (0.0, 20.0)),
    ({"RateLimit-Remaining": "30"}, None),
    ({"RateLimit-Remaining": "many", "RateLimit-Reset": "soon"}, None),
    ({"RateLimit-Remaining": "-3", "RateLimit-Reset": "20"}, None),
    ({"RateLimit-Remaining": "1" * 400, "RateLimit-Reset": "20"}, (float("1" * 12), 20.0)),
    ({"RateLimit-Remaining": "30", "RateLimit-Reset": "90000"}, None),
    ({}, None),
]


@pytest.mark.parametrize(("headers", "told"), HEADERS)
def test_what_headers_tell(headers, told):
    """In the forms that gateways use; nonsense tells nothing."""
    assert limits(headers) == told


def test_a_reset_may_be_a_time_of_day():
    """As some gateways have it."""
    told = limits({"X-RateLimit-Remaining": "30", "X-RateLimit-Reset": f"{time.time() + 20:.0f}"})
    assert told is not None
    assert 18 < told[1] < 22


def used(quota: Quota, requests: float, seconds: float, now: float, headers=None) -> float:
    """So many answers, evenly over that time; the time then."""
    for number in range(int(requests)):
        quota.answered(200, headers or {}, 0.0, now + seconds * number / requests)
    return now + seconds


def test_it_grows_until_a_limit_is_met():
    """From a few a second; a refusal halves what was made, by the time until more is allowed."""
    quota = Quota()
    begin = quota.allowed(0.0)
    assert begin.rate < 10
    assert begin.burst == BURST
    now = used(quota, 200, 30.0, 0.0)
    assert quota.allowed(now).rate == MOST
    assert quota.remembered is None
    quota.answered(429, {}, 20.0, now)
    allowed = quota.allowed(now)
    assert allowed.rate == pytest.approx(200 / 50 / 2, rel=0.05)
    assert allowed.rest == 20.0
    assert quota.allowed(now + 21).rest == 0.0
    assert quota.remembered == allowed.rate
    for _ in range(3):  # others that were under way are refused, too
        quota.answered(429, {}, 19.0, now + 1)
    assert quota.allowed(now).rate == allowed.rate


def test_a_limit_of_each_second_is_told_by_the_pause():
    """A minute's mean would be far too little."""
    quota = Quota()
    now = used(quota, 50, 5.0, 0.0)
    quota.answered(429, {}, 1.0, now)
    assert quota.allowed(now).rate == pytest.approx(50 / 6 / 2, rel=0.1)


def test_it_grows_again_while_it_is_made_use_of():
    """Slowly; and not while nothing is asked, for that proves nothing."""
    quota = Quota()
    quota.recall(1.0, 0.0)
    now = 0.0
    for _ in range(2):
        now = used(quota, 60, 60.0, now)
    assert 1.5 < quota.allowed(now).rate < 2.5
    quiet = Quota()
    quiet.recall(1.0, 0.0)
    for minute in range(60):
        quiet.answered(200, {}, 0.0, minute * 60.0)
    assert quiet.allowed(3600.0).rate == 1.0


@pytest.mark.parametrize("stated", [6, 60, 600])
def test_what_is_stated_is_never_exceeded(stated):
    """In any minute, the burst included."""
    quota = Quota()
    quota.state(stated)
    allowed = quota.allowed(0.0)
    assert allowed.burst + 60 * allowed.rate <= stated + 0.001


def test_headers_leave_something_to_colleagues():
    """What is left until the reset is not all ours; where nothing is, a rest."""
    quota = Quota()
    quota.answered(200, {"RateLimit-Remaining": "100", "RateLimit-Reset": "50"}, 0.0, 0.0)
    allowed = quota.allowed(0.0)
    assert 40 < allowed.burst + 50 * allowed.rate < 100
    quota.answered(200, {"RateLimit-Remaining": "0", "RateLimit-Reset": "50"}, 0.0, 1.0)
    assert quota.allowed(1.0).rest == 50.0


def test_it_is_shared():
    """By all runs of this machine, each with its part."""
    quota = Quota()
    whole, part = quota.allowed(0.0), quota.allowed(0.0, shares=4)
    assert (part.rate, part.burst) == (whole.rate / 4, whole.burst / 4)


def test_a_lone_refusal_is_others_doing():
    """Who has hardly asked waits as he is told, and goes on; refused again, he asks less."""
    quota = Quota()
    quota.answered(200, {}, 0.0, 0.0)
    rates = []
    for now in (1.0, 30.0, 60.0):
        quota.answered(429, {}, 18.0, now)
        rates.append(quota.allowed(now).rate)
    assert rates == [1.0, 0.5, 0.25]


def test_when_the_server_counts_anew_is_passed_on():
    """Where its headers tell; nothing else does."""
    quota = Quota()
    assert quota.allowed(0.0).renews == 0.0
    quota.answered(200, {"RateLimit-Remaining": "3", "RateLimit-Reset": "50"}, 0.0, 0.0)
    assert quota.allowed(20.0).renews == 30.0
    assert quota.allowed(51.0).renews == 0.0
