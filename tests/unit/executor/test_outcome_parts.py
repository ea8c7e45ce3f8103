"""Parts of outcomes on their way: what has come stays, what fails ends the rest, all is verified."""

from __future__ import annotations

import asyncio
import hashlib
from types import SimpleNamespace

import pytest

from fcx.errors import NoSuchPath, ResultError, Unreachable
from fcx.executor.effects import parts
from fcx.executor.effects.context import Place
from fcx.executor.effects.parts import OutcomeParts
from fcx.executor.wire import Outcome
from fcx.firecrest.loop import LARGE
from fcx.protocol.parts import PART

DATA = bytes(range(256)) * (6 * PART // 256 + 1)


class Folder:
    """Parts that lie there; ``fails``: what asking for one raises."""

    def __init__(self, data=DATA, fails=None):
        self.parts = {f"/run/parts/t1.0.{n}": data[n * PART : (n + 1) * PART] for n in range(7)}
        self.fails = fails or {}
        self.asked = []
        self.under_way = self.most = 0

    async def part(self, path, size):
        self.asked.append(int(path.rpartition(".")[2]))
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await asyncio.sleep(0.01)
            if error := self.fails.pop(path[-1], None):
                raise error
            return self.parts[path]
        finally:
            self.under_way -= 1


def outcome():
    """As its record tells."""
    return Outcome("value", (len(DATA), 0, 0), hashlib.sha256(DATA).hexdigest(), len(DATA), None)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    """What is late is looked for again at once."""
    monkeypatch.setattr(parts, "PAUSE", 0.0)


def bring(folder, found):
    """Once."""
    context = SimpleNamespace(client=SimpleNamespace(files=folder), place=Place("/run"))
    return asyncio.run(OutcomeParts(context).bring("t1", 0, found))


def test_each_part_once_and_a_few_at_a_time():
    """The door is not crowded with the parts of one outcome."""
    folder, found = Folder(), outcome()
    assert bring(folder, found)
    assert sorted(folder.asked) == list(range(7))
    assert folder.most == LARGE
    assert found.data.copy(0, len(DATA)) == DATA
    assert found.coming is None


def test_what_has_come_stays_through_an_outage():
    """The next try brings the others."""
    folder, found = Folder(fails={"5": Unreachable("down")}), outcome()
    with pytest.raises(Unreachable):
        bring(folder, found)
    before = len(folder.asked)
    assert found.data is None
    assert bring(folder, found)
    assert len(folder.asked) - before <= LARGE
    assert found.data.copy(0, len(DATA)) == DATA


def test_one_that_comes_late_is_waited_for():
    """The machine behind the API may see it later than the agent that wrote it."""
    folder, found = Folder(fails={"1": NoSuchPath("no such file")}), outcome()
    assert bring(folder, found)
    assert sorted(folder.asked) == [0, 1, 1, 2, 3, 4, 5, 6]


def test_one_that_is_gone_ends_the_rest(monkeypatch):
    """And nothing is held of what has come."""
    monkeypatch.setattr(parts, "LOOKS", 1)
    folder, found = Folder(fails={"1": NoSuchPath("no such file")}), outcome()
    with pytest.raises(NoSuchPath):
        bring(folder, found)
    assert len(folder.asked) < 7
    assert folder.under_way == 0
    assert (found.data, found.coming) == (None, None)


def test_what_is_not_what_was_written_is_fetched_afresh():
    """No part of it is trusted."""
    folder, found = Folder(), outcome()
    right = folder.parts["/run/parts/t1.0.2"]
    folder.parts["/run/parts/t1.0.2"] = right[:-1] + b"!"
    assert not bring(folder, found)
    assert (found.data, found.coming) == (None, None)
    folder.parts["/run/parts/t1.0.2"] = right
    assert bring(folder, found)
    assert len(folder.asked) == 14


def test_a_size_that_nobody_has_memory_for():
    """Told as an outcome that cannot be had."""
    found = outcome()
    found.size = 1 << 62
    with pytest.raises(ResultError, match="no memory"):
        bring(Folder(), found)
