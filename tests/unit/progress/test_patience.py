"""When something is shown: after a second of waiting, and then without flicker."""

from __future__ import annotations

from fcx.progress.patience import Patience
from fcx.progress.snapshot import Snapshot

LOOK = 0.25


def shown(snapshots: list[Snapshot]) -> list[bool]:
    """Looked at four times a second."""
    patience = Patience()
    return [patience.shows(seen, LOOK * number) for number, seen in enumerate(snapshots)]


def test_one_task_is_shown_after_a_second():
    """Not before."""
    assert shown([Snapshot("", 1, oldest="t1")] * 8) == [False] * 4 + [True] * 4


def test_a_loop_of_short_tasks_shows_nothing():
    """Each time another one is waited for: however long it goes on."""
    loop = [Snapshot("", total, total - 1, oldest=f"t{total}") for total in range(1, 200, 5)]
    assert not any(shown(loop))


def test_many_that_go_on_at_once_are_shown():
    """The oldest is another one each time, but by their number some are old."""
    burst = [Snapshot("", 1000, 50 * n, oldest=f"t{50 * n}") for n in range(20)]
    assert shown(burst) == [False] * 4 + [True] * 16


def test_a_trickle_beside_a_long_task_is_shown():
    """The long one is waited for."""
    beside = [Snapshot("", 10 + 5 * n, 8 + 5 * n, oldest="t1") for n in range(8)]
    assert shown(beside)[4:] == [True] * 4


def test_what_is_shown_stays_between_two_tasks_and_goes_when_nothing_is_left():
    """One look without a task is no end; two are. Then it takes a second again."""
    waits, done = Snapshot("", 2, 1, oldest="t2"), Snapshot("", 2, 2)
    assert shown([waits] * 5 + [done, waits, done, done, waits]) == (
        [False] * 4 + [True] * 4 + [False] * 2
    )
