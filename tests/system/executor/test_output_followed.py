"""The output of a task while it runs: all of it, in its order."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from executors.deadline import WAIT, eventually, within


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
