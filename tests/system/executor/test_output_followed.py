"""The output of a task while it runs: all of it, in its order."""

from __future__ import annotations

import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from executors.deadline import WAIT, eventually, within

from fcx.errors import WorkerDied


def talks(folder: str, lines: int):
    """Says a line, and the next one once somebody has heard it; at last what is no whole line."""
    for number in range(lines):
        print(f"line {number} \N{GREEK SMALL LETTER ALPHA}", flush=True)
        end = time.monotonic() + 100.0
        while not os.path.exists(f"{folder}/{number}") and time.monotonic() < end:
            time.sleep(0.05)
    print("no end", end="")
    return lines


def fails():
    print("before")
    raise ValueError("no")


def test_each_line_comes_while_the_task_runs(make, tmp_path):
    """What follows waits for it; in the end it is all, as `stdout` has it."""
    with make(sleep_interval=30) as executor:
        future = executor.submit(talks, str(tmp_path), 2)
        heard: list[str] = []

        def hear() -> None:
            for text in future.follow():
                heard.append(text)
                for number in range("".join(heard).count("\n")):
                    Path(tmp_path, str(number)).touch()

        within(WAIT, hear)
        assert future.result(WAIT) == 2
        whole = "".join(f"line {number} \N{GREEK SMALL LETTER ALPHA}\n" for number in range(2))
        assert len(heard) >= 3
        assert "".join(heard) == future.stdout() == whole + "no end"


def mixed(folder: str):
    """No text, too much of it, and no end of a line; once two have heard of it, it is killed."""
    sys.stdout.buffer.write(b"begun\n\xff\xfe" + b"x" * (2 << 20))
    sys.stdout.flush()
    end = time.monotonic() + 100.0
    while len(os.listdir(folder)) < 2 and time.monotonic() < end:
        time.sleep(0.05)
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_one_is_followed_by_two_threads(make, tmp_path):
    """Each has all of it; both are told that its end is not there."""
    with make(task_retries=0, sleep_interval=1) as executor:
        folder = tmp_path / "heard"
        folder.mkdir()
        future = executor.submit(mixed, str(folder))

        def hear(name: str) -> str:
            heard = []
            for text in future.follow():
                heard.append(text)
                Path(folder, name).touch()
            assert heard[0] == "begun\n"
            return "".join(heard)

        with ThreadPoolExecutor(2) as pool:
            heard = [each.result(WAIT) for each in [pool.submit(hear, name) for name in "ab"]]
        assert isinstance(future.exception(WAIT), WorkerDied)
        assert heard == [future.stdout()] * 2
        assert future.stdout().endswith("xxx\n[fcx: what came after was not kept]\n")


def test_what_is_over_or_was_never_begun(ex):
    """All at once, whatever became of it; nothing where it was cancelled."""
    future = ex.submit(fails)
    assert isinstance(future.exception(WAIT), ValueError)
    assert list(future.follow()) == ["before\n"]
    assert list(future.follow("stderr")) == []
    busy, waits = ex.submit(time.sleep, 3), ex.submit(fails)
    eventually(busy.running)
    waits.cancel()
    assert list(waits.follow()) == []
    with pytest.raises(ValueError, match="one of stdout, stderr, not 'both'"):
        ex.submit(fails).follow("both")
