"""What one thread leaves for the loop is taken at once, and then by the heap."""

from __future__ import annotations

import asyncio
import time

from fcx.executor.gathered import PAUSE, Paced


def test_first_at_once_and_all_that_follow_together():
    """However often it is asked for; nothing that was asked for is forgotten."""

    async def work():
        done, again = [], asyncio.Event()

        def note():
            done.append(time.monotonic())
            if len(done) == 2:
                again.set()

        paced = Paced(note)
        paced.ask()
        assert len(done) == 1
        for _ in range(1000):
            paced.ask()
        assert len(done) == 1
        await asyncio.wait_for(again.wait(), 60)
        assert done[1] - done[0] >= PAUSE * 0.9
        await asyncio.sleep(5 * PAUSE)
        assert len(done) == 2
        paced.ask()
        assert len(done) == 3

    asyncio.run(work())
