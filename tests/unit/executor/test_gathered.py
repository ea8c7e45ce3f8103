"""What one thread leaves for another arrives, whenever it comes."""

from __future__ import annotations

import sys
import threading

import pytest

from fcx.executor.gathered import Gathered

ROUNDS, COUNT = 40, 20_000


@pytest.fixture
def hasty():
    """Threads take turns all the time."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_nothing_waits_for_a_wake_that_nobody_gives(hasty):
    """Two threads bring; a third takes when it is woken, and only then."""
    for _ in range(ROUNDS):
        assert sorted(brought()) == list(range(COUNT))


def brought() -> list[int]:
    """All that the third thread has got in the end."""
    gathered = Gathered[int]()
    wakes = threading.Semaphore(0)
    got: list[int] = []

    def bring(numbers: range) -> None:
        for number in numbers:
            if gathered.put(number):
                wakes.release()

    bringers = [
        threading.Thread(target=bring, args=(range(first, COUNT, 2),), daemon=True)
        for first in range(2)
    ]
    for thread in bringers:
        thread.start()
    while any(thread.is_alive() for thread in bringers) or wakes._value:
        if wakes.acquire(timeout=0.1):
            got += gathered.take()
    return got


def test_the_oldest_comes_first():
    """And what was taken is gone."""
    gathered = Gathered[int]()
    assert [gathered.put(number) for number in range(3)] == [True, False, False]
    assert gathered.take() == [0, 1, 2]
    assert gathered.take() == []
    assert gathered.put(3)
