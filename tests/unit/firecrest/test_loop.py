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
        gate = slots("http://a")
        for _ in range(AT_ONCE):
            await gate.acquire()
        assert gate.locked()
        return gate

    assert asyncio.run(take()) is not asyncio.run(take())
