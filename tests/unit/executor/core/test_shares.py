"""How lanes share max_workers: none has more than its part while another waits, and none starves."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fcx.executor.core.shares import Need, shares

NEEDS = st.lists(
    st.builds(
        lambda tasks, each, live, spent, since: (tasks, each, live, spent, since),
        st.integers(0, 200),
        st.integers(1, 8),
        st.integers(0, 5),
        st.booleans(),
        st.floats(0, 100),
    ),
    min_size=1,
    max_size=4,
)


def needs_of(rows, most):
    """Needs as lanes state them: one that has pilots does not wait, and none wants idle ones."""
    return [
        Need(
            shape,
            tasks,
            min(each, most),
            -(-min(tasks, most) // min(each, most)),
            live,
            spent and live > 0,
            None if live or not tasks else since,
        )
        for shape, (tasks, each, live, spent, since) in enumerate(rows)
    ]


@given(NEEDS, st.integers(1, 64))
def test_never_more_than_may_be_and_never_nothing(rows, most):
    """The last pilot may have more workers than are left, as it may where there is one lane."""
    needs = needs_of(rows, most)
    found = shares(most, needs)
    last = max((need.each for need in needs), default=0)
    assert sum(found[need.shape].most * need.each for need in needs) <= most - 1 + last
    assert all(share.whole <= most - 1 + last for share in found.values())
    for need in needs:
        assert found[need.shape].most <= need.wants
    if any(need.tasks for need in needs):
        assert any(share.most for share in found.values())


@given(NEEDS, st.integers(1, 64))
def test_whoever_waits_is_given_way(rows, most):
    """Where a lane may have a pilot for which there is no room, another has more than its part."""
    needs = needs_of(rows, most)
    found = shares(most, needs)
    taken = sum(need.live * need.each for need in needs)
    for need in needs:
        short = need.live < found[need.shape].most
        if short and taken + need.each > found[need.shape].whole:
            assert any(share.yields for share in found.values())


def test_by_tasks():
    """Three of four go where three of four tasks are; each has one at least."""
    found = shares(8, [Need(0, 300, 1, 8, 1, spent=True), Need(1, 100, 1, 8, 1, spent=True)])
    assert [found[0].most, found[1].most] == [6, 2]
    found = shares(4, [Need(0, 10_000, 1, 4, 4, spent=True), Need(1, 1, 1, 1, since=5.0)])
    assert [found[0].most, found[1].most] == [3, 1]
    assert found[0].yields


def test_of_those_that_wait_the_first_comes_first():
    """And one whose pilot has had no work yet keeps it, or each would end the other's for ever."""
    waits = [Need(0, 9, 1, 1, since=2.0), Need(1, 9, 1, 1, since=1.0)]
    assert [share.most for share in shares(1, waits).values()] == [0, 1]
    fresh = [Need(0, 9, 1, 1, 1), Need(1, 9, 1, 1, since=1.0)]
    assert [share.most for share in shares(1, fresh).values()] == [1, 0]
    spent = [Need(0, 9, 1, 1, 1, spent=True), Need(1, 9, 1, 1, since=1.0)]
    assert [share.most for share in shares(1, spent).values()] == [0, 1]


def test_one_alone_has_all_and_an_idle_one_gives_way():
    """Pilots of a lane without tasks are held only while nobody else wants their workers."""
    assert shares(4, [Need(0, 9, 1, 4, 2), Need(1, 0, 1, 0)])[0].most == 4
    found = shares(2, [Need(0, 0, 1, 0, 2, spent=True), Need(1, 5, 1, 2, since=0.0)])
    assert (found[0].most, found[0].yields) == (0, True)
