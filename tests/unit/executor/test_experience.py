"""What later runs know of tasks and pilots: bounded, shared, harmless where it is wrong."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from fcx.config import VARIABLES
from fcx.executor import experience
from fcx.executor.core.actions import Remember
from fcx.executor.core.events import Recalled
from fcx.executor.kits import Kit
from fcx.executor.scripts import Scripts
from fcx.executor.settings import settle
from fcx.parity.gate import Gate
from fcx.state.facts import Facts
from fcx.state.memory import Memory

pytestmark = pytest.mark.usefixtures("project")


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    """What this machine remembers, by itself."""
    return Memory(logging.getLogger("fcx-test"), tmp_path / "state")


def kit_of(memory: Memory, *options: str, system: str = "alps") -> Kit:
    """What pilots with these options are made with."""
    env = {**dict.fromkeys(VARIABLES, "http://127.0.0.1:1/x"), "FIRECREST_ACCOUNT": "ours"}
    settings, question = settle(
        {"working_dir": "/w", "sbatch_options": list(options)}, {**env, "FIRECREST_SYSTEM": system}
    )
    return Kit(0, settings, Gate(question, memory), Scripts(settings, "run", b"k" * 32))


def test_runs_add_to_what_others_have_learnt(memory: Memory) -> None:
    """For the same kind of pilots at the same place; the latest counts."""
    kit = kit_of(memory, "--time=5")
    assert experience.recall(memory, kit) == []
    experience.remember(memory, kit, Remember(0, (("f", 1.0), ("g", 2.0)), (3.0,)))
    experience.remember(memory, kit, Remember(0, (("f", 0.5),), (3.0, 4.0)))
    (found,) = experience.recall(memory, kit_of(memory, "--time=5"))
    assert dict(found.seconds) == {"f": 0.5, "g": 2.0}
    assert found.starts == (3.0, 4.0)
    assert experience.recall(memory, kit_of(memory, "--time=6")) == []
    assert experience.recall(memory, kit_of(memory, "--time=5", system="other")) == []


def test_it_stays_small(memory: Memory) -> None:
    """The functions that ran last."""
    kit = kit_of(memory)
    for first in (0, experience.MOST):
        names = [f"f{number}" for number in range(first, first + experience.MOST)]
        experience.remember(memory, kit, Remember(0, tuple((name, 1.0) for name in names), ()))
    (found,) = experience.recall(memory, kit)
    assert [name for name, _ in found.seconds] == names


def test_what_is_old_is_forgotten(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each function by itself."""
    kit, now = kit_of(memory), experience.time.time()
    experience.remember(memory, kit, Remember(0, (("old", 1.0),), ()))
    later = now + experience.AGE / 2
    monkeypatch.setattr(experience.time, "time", lambda: later)
    experience.remember(memory, kit, Remember(0, (("new", 1.0),), ()))
    monkeypatch.setattr(experience.time, "time", lambda: now + experience.AGE + 5)
    (found,) = experience.recall(memory, kit)
    assert found.seconds == (("new", 1.0),)


@pytest.mark.parametrize(
    "value",
    [
        *(None, 7, [], "x", {"tasks": 3, "starts": 4}, {"tasks": {"f": 1.0}, "starts": {}}),
        *({"tasks": {"f": [1.0]}}, {"tasks": {"f": ["a", "b"]}, "starts": ["c", None, -1.0]}),
        *({"tasks": {"f": [-1.0, 1e9]}}, {"tasks": {"f": [True, 1e11]}}, {"starts": [1e300]}),
    ],
)
def test_what_is_misshapen_is_as_good_as_nothing(memory: Memory, value: object) -> None:
    """And what comes after takes its place."""
    kit = kit_of(memory)
    memory.store(experience._key(kit), value)
    assert experience.recall(memory, kit) == []
    experience.remember(memory, kit, Remember(0, (("f", 1.0),), (2.0,)))
    assert experience.recall(memory, kit) == [Recalled(0, (("f", 1.0),), (2.0,))]


def test_a_machine_that_cannot_remember_goes_on(tmp_path: Path) -> None:
    """A file where the folder should be."""
    (tmp_path / "state").write_text("x")
    memory = Memory(logging.getLogger("fcx-test"), tmp_path / "state")
    kit = kit_of(memory)
    experience.remember(memory, kit, Remember(0, (("f", 1.0),), ()))
    assert experience.recall(memory, kit) == []


def test_two_processes_at_once_lose_no_more_than_a_moment(memory: Memory, tmp_path: Path) -> None:
    """Each has its own connection to the file."""
    kit, other = kit_of(memory), Memory(logging.getLogger("fcx-test"), tmp_path / "state")
    experience.remember(memory, kit, Remember(0, (("f", 1.0),), ()))
    experience.remember(other, kit, Remember(0, (("g", 2.0),), ()))
    (found,) = experience.recall(memory, kit)
    assert dict(found.seconds) == {"f": 1.0, "g": 2.0}
    assert Facts(tmp_path / "state").get(experience._key(kit), 60.0)["starts"] == []
