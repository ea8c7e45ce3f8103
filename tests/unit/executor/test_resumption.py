"""Which run is meant, and what is known of it before the cluster is asked."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from fcx.config import Credentials
from fcx.errors import StateError, UsageError
from fcx.executor.attach import attach
from fcx.executor.core.events import TaskInfo
from fcx.executor.resumption import attached, check_name, find, given, identify
from fcx.executor.upkeep import Upkeep
from fcx.state.journal import Journal, RunRecord
from fcx.state.presence import Presence

KEY = bytes(range(32))
ENV = {
    "FIRECREST_URL": "https://api.example",
    "FIRECREST_SYSTEM": "alps",
    "FIRECREST_CLIENT_ID": "me",
    "FIRECREST_CLIENT_SECRET": "x",
    "AUTH_TOKEN_URL": "https://auth.example/token",
    "FIRECREST_ACCOUNT": "lab",
}


@pytest.fixture
def credentials() -> Credentials:
    """Of a site."""
    return Credentials.from_env(ENV)


def record(name: str, credentials: Credentials, working_dir: str = "/scratch", **more) -> RunRecord:
    """A run that was begun there."""
    directory = f"{working_dir}/.fcx-me/{name}"
    where = (credentials.api_url, credentials.system, directory)
    return RunRecord(more.get("id", name), *where, KEY, 1.0, "kept", {"working_dir": working_dir})


@pytest.mark.parametrize("name", ["", "a/b", "..", ".x", "a b", "x" * 65, "programs-1", 3, "é"])
def test_names_that_cannot_be(name):
    """They name a directory and jobs."""
    with pytest.raises(UsageError, match="cannot name a run"):
        check_name(name)


def test_a_name_means_one_run_for_each_place(tmp_path: Path, credentials: Credentials):
    """Jobs of the two have different names."""
    journal = Journal(tmp_path)
    first, known = identify("sweep", credentials, "/scratch", journal)
    assert known is None
    assert first.directory == "sweep"
    assert first.id.startswith("sweep-")
    assert identify("sweep", credentials, "/other", journal)[0].id != first.id


def test_a_run_that_is_known_goes_on(tmp_path: Path, credentials: Credentials):
    """With the key that it has."""
    journal = Journal(tmp_path)
    new, _ = identify("sweep", credentials, "/scratch", journal)
    journal.open_run(record("sweep", credentials, id=new.id))
    again, known = identify("sweep", credentials, "/scratch", journal)
    assert (again.id, again.key, again.name) == (new.id, KEY, "sweep")
    assert known is not None
    assert identify("sweep", credentials, "/other", journal)[1] is None


def test_a_run_that_just_begins_is_left_to_its_process(tmp_path, credentials, monkeypatch):
    """Until it has a job, nobody can know what it has sent."""
    monkeypatch.setenv("FCX_STATE_DIR", str(tmp_path))
    journal = Journal(tmp_path)
    new, _ = identify("sweep", credentials, "/scratch", journal)
    journal.open_run(record("sweep", credentials, id=new.id))
    presence = Presence(new.id)
    presence.hold()
    told = f"being begun by process {os.getpid()} "
    for job in ("", "7"):
        with pytest.raises(UsageError, match=told):
            identify("sweep", credentials, "/scratch", journal)
        journal.add_tasks(new.id, [("t1", "f", 0)])
        journal.add_pilot(new.id, "fcx-001", job)
    assert identify("sweep", credentials, "/scratch", journal)[1] is not None
    presence.release()


def test_a_damaged_entry_is_told_from_none(tmp_path: Path, credentials: Credentials):
    """And is entered anew by who has directory and key."""
    journal = Journal(tmp_path)
    whole = record("sweep", credentials)
    entered = given(whole.directory, KEY.hex(), credentials, journal)
    journal.open_run(replace(entered, directory="nowhere"))
    for name in ("sweep", entered.id):
        with pytest.raises(StateError, match=f"of run {entered.id} is damaged"):
            find(journal, name)
    again = given(whole.directory, KEY.hex(), credentials, journal)
    journal.open_run(again)
    assert find(journal, "sweep") == again


def test_a_run_is_found_by_name_or_id(tmp_path: Path, credentials: Credentials):
    """A name that several have is not enough; of one that is not there the like are told."""
    journal = Journal(tmp_path)
    journal.open_run(record("sweep", credentials, id="sweep-1"))
    assert find(journal, "sweep").id == find(journal, "sweep-1").id == "sweep-1"
    journal.open_run(record("sweep", credentials, "/other", id="sweep-2"))
    with pytest.raises(UsageError, match=r"sweep-1.*sweep-2|sweep-2.*sweep-1"):
        find(journal, "sweep")
    with pytest.raises(UsageError, match="remembers no run 'nope'") as caught:
        find(journal, "nope")
    assert "Did you mean" not in str(caught.value)
    with pytest.raises(UsageError, match=r"Did you mean 'sweep'\?"):
        find(journal, "swep")


def test_a_name_means_the_run_on_the_cluster_at_hand(tmp_path, credentials, monkeypatch):
    """Another cluster's of that name is no obstacle, but where it would be forgotten for ever."""
    monkeypatch.setenv("FCX_STATE_DIR", str(tmp_path))
    for url in ("https://gone.example", credentials.api_url):
        there = replace(credentials, api_url=url)
        Journal(tmp_path).open_run(record("sweep", there, id=f"sweep-{url[8:12]}"))
    upkeep = Upkeep(ENV)
    assert upkeep.named("sweep").id == "sweep-api."
    for ask in (upkeep.anywhere, Upkeep({}).named):
        with pytest.raises(UsageError, match="Several runs are called 'sweep'"):
            ask("sweep")


@pytest.mark.parametrize(
    "directory", ["work/.fcx-me/x", "/scratch/x", "/scratch/.fcx-me", "/w/.fcx-m/a/b"]
)
def test_directories_that_are_none_of_a_run(directory, credentials):
    """Nothing is asked of the cluster."""
    with pytest.raises(UsageError, match="is no run directory"):
        given(directory, KEY.hex(), credentials)


@pytest.mark.parametrize("key", ["", "zz", "00" * 31])
def test_keys_that_are_none(key, credentials):
    """The command that prints the right one is named."""
    with pytest.raises(UsageError, match="64 hexadecimal digits.*fcx runs show x --key"):
        given("/scratch/.fcx-me/x", key, credentials)


def test_a_run_of_another_machine_has_the_same_id(tmp_path: Path, credentials: Credentials):
    """So its jobs are known by their names, and the script goes on with it."""
    new, _ = identify("sweep", credentials, "/scratch", Journal(tmp_path))
    assert given("/scratch/.fcx-me/sweep/", KEY.hex(), credentials).id == new.id
    generated = "20261126-011602-13428947"
    assert given(f"/scratch/.fcx-me/{generated}", KEY.hex(), credentials).id == generated


def test_the_journal_and_the_inbox_together(tmp_path: Path):
    """Either may have what the other lacks; the later attempt counts."""
    journal = Journal(tmp_path)
    journal.add_tasks("r", [("t1", "f", 1), ("t2", "g", 0)], {"t1": "a"})
    journal.add_pilot("r", "p-1", "")
    journal.add_pilot("r", "p-2", "8")
    found = [(TaskInfo("t2", "g", 5, key="b"), 2), (TaskInfo("t3", "h", 5, key="c"), 0)]
    event = attached(journal, "r", found, [("p-1", "7"), ("p-3", "9")], by_key=True)
    assert [(info.id, info.name, info.key) for info in event.tasks] == [
        ("t1", "f", "a"),
        ("t2", "g", "b"),
        ("t3", "h", "c"),
    ]
    assert event.attempts == (1, 2, 0)
    assert event.pilots == (("p-1", "7"), ("p-2", "8"), ("p-3", "9"))


def test_a_run_of_another_cluster_is_not_looked_for_on_this_one(credentials, tmp_path, monkeypatch):
    """It is said where it lies, and no request is made."""
    monkeypatch.setenv("FCX_STATE_DIR", str(tmp_path))
    Journal().begin_run(replace(record("x", credentials), system="daint"))
    with pytest.raises(UsageError, match="x lies on daint behind https://api.example: set the FI"):
        attach("x", env=ENV)
