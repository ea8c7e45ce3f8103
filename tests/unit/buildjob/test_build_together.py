"""Several callers that have the same source built at the same time, by stand-ins for the cluster."""

# ruff: noqa: ASYNC240 - Folders stands in for requests

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import building
import pytest
from building import Node

from fcx.buildjob.build import _Building
from fcx.buildjob.order import Order
from fcx.errors import NoSuchPath
from fcx.firecrest.jobs import JobState, Submitted
from fcx.image.progress import Silent
from fcx.jobscript.options import Options
from fcx.parity.manifest import Manifest, Source

SOURCE = Source("containers", "containers/Dockerfile", "0" * 64)


class Folders(building.Uploads):
    """With what a client does beside sending."""

    async def list(self, path: str) -> Any:
        if not Path(path).is_dir():
            raise NoSuchPath(path, 404)
        return await super().list(path)

    async def read_from(self, path: str, offset: int) -> bytes:
        return (await self.download(path))[offset:]

    async def download(self, path: str) -> bytes:
        if not Path(path).exists():
            raise NoSuchPath(path, 404)
        return await super().download(path)

    async def remove(self, path: str) -> None:
        if Path(path).is_dir():
            shutil.rmtree(path)
        else:
            Path(path).unlink(missing_ok=True)


class Caller:
    """Of `fcx image build`: a client whose requests this machine answers, and what comes of it."""

    def __init__(self, node: Node) -> None:
        self.files, self.jobs = Folders(), self
        self.node, self.order = node, node.made()
        self.goes_on = asyncio.Event()  # until then the job that it looks at runs
        self.looked = asyncio.Event()
        self.submitted = 0

    async def submit(self, folder: str, text: str) -> Submitted:
        done = await asyncio.to_thread(self.node.run, self.order, text)
        assert done.returncode == 0, done.stdout
        self.submitted += 1
        return Submitted("17", False)

    async def ask(self, job: str) -> JobState:
        if not self.looked.is_set():
            self.looked.set()
            return JobState(job, "x", "RUNNING")
        await self.goes_on.wait()
        return JobState(job, "x", "COMPLETED")

    async def build(self) -> Manifest:
        client: Any = self
        building = _Building(client, self.order, Options.check([], ()), Silent())
        return (await building.run(SOURCE, "there")).manifest


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Node:
    """One that nobody waits for."""
    monkeypatch.setattr("fcx.ship.waiting.LOOK", 0.01)
    return building.make(tmp_path / "room", tmp_path / "images")


async def together(node: Node, between: Callable[[Order], object]) -> tuple[Caller, Caller]:
    """The second begins while the first one's job runs, and sees its end when the first is done."""
    first, second = Caller(node), Caller(node)
    node.folder.mkdir()
    ours = asyncio.ensure_future(first.build())
    await first.looked.wait()
    theirs = asyncio.ensure_future(second.build())
    await second.looked.wait()
    first.goes_on.set()
    made = await ours
    between(first.order)
    second.goes_on.set()
    assert (await theirs == made) == (not second.submitted)
    return first, second


def test_who_follows_the_job_of_another_gets_its_image(node: Node):
    """Though the other has been done first, and has left nothing for who comes later to follow."""
    first, second = asyncio.run(together(node, lambda order: None))
    assert (first.submitted, second.submitted) == (1, 0)
    assert [path.name for path in node.folder.glob("*.sqsh")] == [f"{first.order.slot.stem}.sqsh"]
    assert not list(Path(first.order.home).glob("*.job"))


def test_an_answer_that_has_gone_is_asked_for_anew(node: Node):
    """Somebody cleans up: it is built once more, under a name of its own."""
    _, second = asyncio.run(together(node, lambda order: shutil.rmtree(order.made)))
    assert second.submitted == 1
    assert Path(second.order.slot.image).is_file()


def test_what_was_made_and_removed_since_is_built_again(node: Node):
    """Its caller has left; the answer still lies there, and would name an image that does not."""

    async def work() -> tuple[Caller, Caller]:
        first, second = Caller(node), Caller(node)
        node.folder.mkdir()
        left = asyncio.ensure_future(first.build())
        await first.looked.wait()
        left.cancel()
        Path(first.order.slot.image).unlink()
        second.looked.set()
        second.goes_on.set()
        await second.build()
        return first, second

    first, second = asyncio.run(work())
    assert second.submitted == 1
    assert Path(second.order.slot.image).is_file()
