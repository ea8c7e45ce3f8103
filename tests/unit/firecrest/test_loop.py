"""The loop thread: one per process, whoever forks; four requests per server on each loop."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap

from fcx.firecrest.loop import AT_ONCE, LoopThread, slots


def test_one_for_all():
    """However often it is asked for."""
    one, other = LoopThread.shared(), LoopThread.shared()
    assert one is other
    assert one.thread.daemon


def test_it_runs_coroutines():
    """And says how they ended."""

    async def which():
        return asyncio.get_running_loop()

    assert LoopThread.shared().run(which(), 30) is LoopThread.shared().loop


def test_a_forked_child_has_one_of_its_own():
    """Even where another thread of the parent was just asking for it."""
    script = textwrap.dedent("""
        import asyncio, os, warnings
        from fcx.firecrest.loop import LoopThread

        warnings.simplefilter("ignore")
        parent = LoopThread.shared()
        with LoopThread._lock:
            child = os.fork()
        if not child:
            loop = LoopThread.shared()
            done = loop is not parent and loop.run(asyncio.sleep(0, "done"), 30) == "done"
            os._exit(7 if done else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        assert LoopThread.shared() is parent
        assert parent.run(asyncio.sleep(0, "alive"), 30) == "alive"
    """)
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)


def test_places_are_shared_per_server_and_loop():
    """One semaphore for all clients of a server; another loop has its own."""

    async def take():
        assert slots("http://a") is slots("http://a")
        assert slots("http://a") is not slots("http://b")
        return slots("http://a")

    assert asyncio.run(take()) is not asyncio.run(take())


def crowd(*larges):
    """Who has a place at first, and in which order the others get one as each of them leaves."""

    async def all_of_them():
        gate, inside, let = slots("http://crowd"), [], {}

        async def one(number, large):
            async with gate.place(large=large):
                inside.append(number)
                await let.setdefault(number, asyncio.Event()).wait()

        tasks = [asyncio.ensure_future(one(n, large)) for n, large in enumerate(larges)]
        for _ in range(9):
            await asyncio.sleep(0)
        first = list(inside)
        for at in range(len(larges)):
            let[inside[at]].set()
            for _ in range(9):
                await asyncio.sleep(0)
        await asyncio.gather(*tasks)
        return first, inside[len(first) :]

    return asyncio.run(asyncio.wait_for(all_of_them(), 60))


def test_so_many_at_once():
    """Behind the server stands an sshd that takes ten."""
    first, later = crowd(*[False] * 9)
    assert first == list(range(AT_ONCE))
    assert later == [4, 5, 6, 7, 8]


def test_what_is_large_leaves_room():
    """A small one that comes late has a place at once, however much waits that is large."""
    first, later = crowd(*[True] * 9, False)
    assert first == [0, 1, 2, 9]
    assert sorted(later) == [3, 4, 5, 6, 7, 8]


def test_what_is_large_has_its_turn():
    """It waits for the small ones that were there before it, not for those that come after."""
    first, later = crowd(*[False] * 6, True, *[False] * 9)
    assert first == [0, 1, 2, 3]
    assert later[:3] == [4, 5, 6]
