"""What a person sees while a script waits: on a real terminal, with real runs."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys

import pytest
from terminals import on_terminal

HEAD = """
import os, sys, time
from concurrent.futures import wait
from fcx import FirecrestExecutor

def task(x):
    time.sleep(0.3)
    if x == 7:
        raise ValueError(x)
    return x

def executor(**options):
    options = {"max_workers": 2, "workers_per_node": 2, "sleep_interval": 1, **options}
    return FirecrestExecutor(os.environ["W"], ["--time=5"], idle_timeout=3, **options)
"""
MIXED = """
from tqdm import tqdm
with executor() as one, executor(run="other") as two:
    futures = [one.submit(task, x) for x in range(20)]
    others = [two.submit(task, x) for x in range(2)]
    futures[5].result()
    print("a line\\nand one more")
    for future in tqdm(futures, ncols=60):
        future.exception()
    list(one.map(task, range(10, 40), progress=True))
    wait(others)
    pid = os.fork()
    if not pid:
        print("the child's", flush=True)
        os._exit(0)
    os.waitpid(pid, 0)
print("the end")
"""
ALONE = """
with executor() as one:
    print(len(list(one.map(abs, range(30)))))
print("the end")
"""
STOPPED = """
import signal, threading
with executor() as one:
    future = one.submit(time.sleep, 60)
    threading.Timer(4.0, os.kill, (os.getpid(), signal.SIGINT)).start()
    future.result()
"""


@pytest.fixture
def env(site, tmp_path):
    (tmp_path / "w").mkdir()
    return {**site, "W": str(tmp_path / "w"), "FCX_STATE_DIR": str(tmp_path / "state")}


@pytest.mark.slow
def test_a_panel_that_is_in_nobodys_way(env, tmp_path):
    """Prints and tqdm stay whole; two runs share one panel; a fork has none; a line at the end."""
    seen = on_terminal(HEAD + MIXED, env, tmp_path)
    assert seen.code == 0, seen.last
    panel = seen.ever("/2 done")
    assert any("╭─ fcx ─" in line for line in panel)
    assert any("/20 done" in line for line in panel)
    assert sum("╭─" in line for line in panel) == 1
    assert any("request" in line and "node hours" in line for line in panel)
    seen.ever("1 failed")
    seen.ever("fcx task ")  # the map's own
    told = [line for line in seen.last if not line.startswith("fcx")]
    assert told[0:2] == ["a line", "and one more"]
    assert told[2].startswith("100%|")
    assert told[3:] == ["the child's", "the end"]
    ends = [line for line in seen.last if line.startswith("fcx")]
    assert len(ends) == 2
    assert any("fcx other: 2/2 done | " in line for line in ends)
    assert any("fcx: 50/50 done, 1 failed | " in line for line in ends)


@pytest.mark.slow
def test_a_line_where_there_is_little_room_and_nothing_after_ctrl_c(env, tmp_path):
    """Forty columns, no colours: nothing is wider, nothing is coloured; the traceback is whole."""
    chosen = {"NO_COLOR": "1", "FCX_PROGRESS": "line"}
    seen = on_terminal(HEAD + STOPPED, {**env, **chosen}, tmp_path, columns=40)
    assert seen.code != 0
    seen.ever("fcx: 0/1 done")
    assert all(sum(line.startswith("fcx") for line in one) <= 1 for one in seen.screens)
    assert not re.search(r"\x1b\[[0-9;]+m", seen.written)
    assert seen.last[-1] == "KeyboardInterrupt"


@pytest.mark.slow
def test_nothing_where_nobody_looks(env, tmp_path):
    """No terminal: stderr stays empty, whatever TERM says."""
    script = tmp_path / "script.py"
    script.write_text(HEAD + ALONE, encoding="utf-8")
    env["TERM"] = "xterm"
    done = subprocess.run(
        [sys.executable, str(script)], env={**os.environ, **env}, capture_output=True, check=True
    )
    assert (done.stdout, done.stderr) == (b"30\nthe end\n", b"")


SEVERAL = """
import logging, os, subprocess, sys, time
from fcx.progress.display import display
from fcx.progress.snapshot import Snapshot

class Source:
    def __init__(self, name):
        self.name = name

    def snapshot(self):
        return Snapshot(self.name, 5, oldest="t1", seconds=time.monotonic())

def shown(name, seconds):
    watch = display.watch(Source(name), "panel", logging.Logger("quiet"))
    time.sleep(seconds)
    display.end(watch)

if len(sys.argv) > 1:
    shown(sys.argv[1], 3)
    sys.exit()
watch = display.watch(Source("parent"), "panel", logging.Logger("quiet"))
time.sleep(2)
pid = os.fork()
if not pid:
    shown("child", 3)
    os._exit(0)
other = subprocess.Popen([sys.executable, __file__, "program"])
time.sleep(3)
display.end(watch)
os.waitpid(pid, 0)
other.wait()
shown("last", 2)
"""


@pytest.mark.slow
def test_several_processes_on_one_terminal_have_one_panel(tmp_path):
    """A fork and a program of its own would draw over it; whoever is first draws."""
    seen = on_terminal(SEVERAL, {}, tmp_path)
    assert seen.code == 0, seen.last
    seen.ever("fcx parent")
    seen.ever("fcx last")
    drawn = [
        re.findall("─ fcx (parent|child|program|last)", "\n".join(one)) for one in seen.screens
    ]
    turns = [name for name, _ in itertools.groupby(itertools.chain.from_iterable(drawn))]
    assert len(turns) == len(set(turns)), turns
