"""A task's own pools of processes find what the task's script has, whatever starts them."""

from __future__ import annotations

import pytest
from agents import Pilot

SCRIPT = """
import multiprocessing

class Pair:
    def __init__(self, x):
        self.x = x

def double(pair):
    return Pair(pair.x * FACTOR)

def pooled(method):
    with multiprocessing.get_context(method).Pool(1) as pool:
        return [pair.x for pair in pool.map_async(double, [Pair(1), Pair(2)]).get(60)]
"""


@pytest.fixture
def pilot(tmp_path):
    """A run directory, whose agent is ended with the test."""
    pilot = Pilot(tmp_path)
    yield pilot
    pilot.stop()


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_functions_of_the_callers_script(pilot, method):
    """As it is for each task: another value that a notebook has since is the next one's."""
    pilot.start()
    for number in (1, 2):
        script = {"__name__": "__main__", "FACTOR": number}
        exec(SCRIPT, script)
        pilot.put(number, [(script["pooled"], method)])
        assert pilot.value(f"t{number}0") == ([number, 2 * number], None)
