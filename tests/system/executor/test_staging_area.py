"""Transfers through the staging area of a real server, by real jobs: what is left if one fails."""

from __future__ import annotations

import hashlib
import logging
import random
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from executors.deadline import eventually

from fcx.config import Credentials
from fcx.errors import Unreachable
from fcx.executor.core.actions import External
from fcx.executor.effects.context import Place
from fcx.executor.effects.external import ExternalTransfers
from fcx.executor.wire import Outcome
from fcx.firecrest import stage
from fcx.firecrest.client import Client
from fcx.firecrest.loop import LoopThread
from fcx.local import cluster
from fcx.payload.contents import Contents
from fcx.protocol.parts import PART

DATA = random.Random(5).randbytes(2 * PART + 77)
MAY = External(1.0, 60.0)


class Facts(dict):
    """What is remembered of a site."""

    def get(self, key, _age):
        """Whatever its age."""
        return super().get(key)

    def store(self, key, value):
        """Keep it."""
        self[key] = value


@pytest.fixture(scope="module")
def env():
    """A cluster of this module's own, whose staging area takes small parts."""
    with cluster(nodes=2, max_part_size=3_000_000) as served:
        yield served


@pytest.fixture
def faults(env):
    """The way to make things go wrong; nothing does before and after a test."""
    env.reset_counts()
    yield env.faults
    env.faults.clear()


class Site:
    """A run directory with one outcome in parts, and a run's transfers."""

    def __init__(self, env, folder):
        self.env, self.run = env, folder / "run"
        for name in ("parts", "objects"):
            (self.run / name).mkdir(parents=True)
        for at in range(0, len(DATA), PART):
            (self.run / "parts" / f"t1.0.{at // PART}").write_bytes(DATA[at : at + PART])
        (self.run / "parts" / "t11.0.0").write_bytes(b"another's")
        credentials = Credentials.from_env(env)
        self.client = Client(credentials, patience=60.0)
        self.facts = Facts()
        self.transfers = ExternalTransfers(
            SimpleNamespace(
                client=self.client,
                place=Place(str(self.run)),
                home=SimpleNamespace(facts=self.facts),
                settings=SimpleNamespace(credentials=credentials),
            )
        )
        self.outcome = Outcome(
            "value", (len(DATA), 0, 0), hashlib.sha256(DATA).hexdigest(), len(DATA), None
        )
        self.content = Contents().keep(memoryview(DATA))

    def bring(self, may=MAY):
        """Why it does not come, if it does not."""
        return LoopThread.shared().run(self.transfers.bring("t1", 0, self.outcome, may))

    def send(self, may=MAY):
        """Why it does not go, if it does not."""
        return LoopThread.shared().run(self.transfers.send(self.content, may))

    @property
    def files(self):
        """What there is beside what was there before."""
        own = {f"parts/t1.0.{n}" for n in range(3)} | {"parts/t11.0.0", "parts", "objects"}
        found = {str(each.relative_to(self.run)) for each in self.run.rglob("*")}
        return [*sorted(found - own), *Path(self.env.root).glob("transfers/*")]


@pytest.fixture
def site(env, faults, tmp_path, monkeypatch, caplog):
    """One for each test; what is said has no address of the staging area in it."""
    monkeypatch.setattr(stage, "PAUSE", 0.01)
    caplog.set_level(logging.DEBUG)
    for log in Path(env.root).glob("transfers/*"):
        log.unlink()
    made = Site(env, tmp_path)
    yield made
    LoopThread.shared().run(made.client.close())
    assert "Signature" not in caplog.text


def test_an_outcome(site):
    """All of its parts, and nothing of another's; nothing is left there."""
    assert site.bring() is None
    assert not site.outcome.coming.missing
    assert site.outcome.coming.copy(0, len(DATA)) == DATA
    assert not site.files


def test_an_object(site):
    """In several parts of the stage's, to its place."""
    assert site.send() is None
    assert site.env.counts()["stage.put"] == 3
    assert (site.run / "objects" / site.content.sha).read_bytes() == DATA
    assert site.files == [f"objects/{site.content.sha}", f"objects/{site.content.sha}.whole"]


@pytest.mark.parametrize(
    ("kind", "effects", "why"),
    [
        ("transfer.compress", {"crash": 1}, "Connection lost"),
        ("transfer.compress", {"status": 404}, "Injected fault"),
        ("transfer.compress", {"status": 501}, "HTTP 501"),
        ("transfer.compress", {"fails": 1}, "ended: FAILED"),
        ("transfer.compress", {"pending": 60.0}, "still in the queue after 1 s"),
        ("transfer.download", {"crash": 1}, "Connection lost"),
        ("transfer.download", {"fails": 1}, "ended: FAILED"),
        ("transfer.download", {"expires": 0.0}, "ended: FAILED"),
        ("stage.get", {"status": 403}, "answered HTTP 403 to a GET"),
        ("stage.get", {"status": 503}, "answered HTTP 503 to a GET"),
        ("stage.get", {"drop": 3}, "127.0.0.1:[0-9]+: [A-Za-z]*Error"),
    ],
)
def test_an_outcome_that_cannot_come(site, faults, kind, effects, why, request):
    """It is told why, once and for all; what was begun there is ended."""
    faults.set(kind, **effects)
    found = site.bring()
    assert matches(why, found)
    faults.clear()
    assert site.bring() == found
    assert not site.files


def matches(pattern, text):
    """Somewhere in it."""
    return re.search(pattern, text)


def test_an_answer_that_is_lost(site, faults):
    """Nothing is begun twice: two jobs would write to one file."""
    faults.set("transfer.compress", lost=1)
    assert matches("Could not have .*tar packed", site.bring())
    assert site.env.counts()["transfer.compress"] == 1
    eventually(lambda: len(site.files) == 3)  # what was begun has ended by itself, with its logs


@pytest.mark.parametrize(
    ("kind", "effects", "why"),
    [
        ("transfer.upload", {"crash": 1}, "Connection lost"),
        ("transfer.upload", {"fails": 1}, "ended: FAILED"),
        ("transfer.upload", {"expires": 0.0}, "answered HTTP 403 to a PUT"),
        ("transfer.upload", {"pending": 60.0}, "still in the queue after 1 s"),
        ("stage.put", {"crash": True}, "answered HTTP 500 to a PUT"),
        ("stage.post", {"status": 403}, "answered HTTP 403 to a POST"),
        ("stage.post", {"spoil": 1}, "is not what was sent"),
        ("symlink", {"status": 404}, "Injected fault"),
    ],
)
def test_an_object_that_cannot_go(site, faults, kind, effects, why):
    """The same; no job waits for what nobody sends."""
    site.client.requests.patience = 5.0
    faults.set(kind, **effects)
    assert matches(why, site.send())
    assert not site.files


def test_what_passes_is_tried_again(site, faults):
    """A line that breaks, a store that stumbles."""
    faults.set("stage.get", drop=1)
    assert site.bring() is None
    assert site.outcome.coming.copy(0, len(DATA)) == DATA
    faults.set("stage.put", status=503, times=2)
    assert site.send() is None


def test_what_has_come_by_then_stays(site, monkeypatch):
    """Whole parts of it: they need not come once more."""
    archive = []
    read = stage.Stage.read

    async def half(self, address, most):
        async for block in read(self, address, most):
            archive.append(block)
            yield block[: len(block) // 2 + 2 * 4096]
            raise stage.StageFailed("the line is cut")

    monkeypatch.setattr(stage, "BLOCK", 3 * PART)
    monkeypatch.setattr(stage, "MOST", 4 * PART)
    monkeypatch.setattr(stage.Stage, "read", half)
    assert site.bring() == "the line is cut"
    assert len(site.outcome.coming.missing) in {1, 2}
    for at in {0, PART, 2 * PART} - set(site.outcome.coming.missing):
        assert site.outcome.coming.copy(at, at + PART) == DATA[at : at + PART]


def test_what_takes_too_long(site, faults):
    """All in all."""
    faults.set("job", latency=30.0)
    assert site.bring(External(1.0, 0.5)) == "it was not there after 0 s"


def test_who_leaves_waits_for_nothing(site, faults):
    """Neither for what is under way nor for its parts."""
    site.client.hurry()
    with pytest.raises(Unreachable, match="the executor is left"):
        site.bring()
    assert "transfer.compress" not in site.env.counts()


def test_a_site_without_one(site, faults):
    """What is remembered of it is enough; there is no reason to tell."""
    credentials = site.transfers.context.settings.credentials
    site.facts[f"staging area {credentials.api_url} {credentials.system}"] = False
    assert site.bring() == site.send() == ""
    assert not site.env.counts()
