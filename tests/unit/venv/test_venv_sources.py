"""Which image is followed, which Pythons there are, where uv looks, what of it all is fcx."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import pytest
from cluster.bases import interpreters
from parity.sides import laptop, manifest, snapshot

from fcx.config import ExecutorSettings, ParitySettings, Settings
from fcx.errors import ConfigError, ParityError, VenvError
from fcx.parity.gate import Gate, Question, client_snapshot
from fcx.payload.requirements import Requirements
from fcx.records import plain
from fcx.state.facts import Facts
from fcx.venv.indexes import for_uv
from fcx.venv.interpreters import find_python, likeness
from fcx.venv.own import closure
from fcx.venv.wanted import wanted


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A folder with nothing in it, and nothing remembered."""
    monkeypatch.setenv("FCX_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fcx.toml").write_text("")
    return Settings.load()


def test_the_projects_image_comes_first(project: Settings, tmp_path: Path):
    """Then its EDF's, by settings; a file or a name before both."""
    with pytest.raises(ConfigError, match=r"no manifest .*fcx preflight"):
        wanted(project)
    for name in ("fcx-image", "other"):
        path = tmp_path / f"edf/{name}.manifest.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(manifest().to_json())
    assert wanted(project).source.endswith("fcx-image.manifest.json")
    assert wanted(project, name="other").source.endswith("other.manifest.json")
    (tmp_path / "edf/other.toml").write_text("")
    for named in ("edf/other.toml", "other"):
        chosen = Settings(tmp_path, executor=ExecutorSettings(environment=named))
        assert wanted(chosen).source.endswith("other.manifest.json")
    nowhere = Settings(tmp_path, executor=ExecutorSettings(environment="nowhere"))
    assert wanted(nowhere).source.endswith("fcx-image.manifest.json")
    with pytest.raises(ConfigError, match="no manifest nowhere"):
        wanted(project, file=Path("nowhere"))


def test_a_remote_side_that_was_refused_is_remembered(project: Settings):
    """It is what the client is to follow, where there is no image."""
    there = snapshot({"dill": "0.3.9", "image/build_id": None})
    gate = Gate(Question("minor", "there"), Facts())
    with pytest.raises(ParityError):
        gate.admit(json.loads(there.to_json()), None)
    found = wanted(project)
    assert (found.manifest.dill, found.source) == ("0.3.9", "the remote side as it was just now")
    assert wanted(project, remote=True) == found
    short = Settings(project.root, parity=ParitySettings(max_age_days=0.0))
    with pytest.raises(ConfigError, match="No remote side was seen"):
        wanted(short, remote=True)


def test_the_remote_side_that_refused_a_task_is_the_one_that_is_followed(project: Settings):
    """Though another was seen after it."""
    needs = Requirements(frozenset({"numpy"}), installed={"numpy": {"numpy": "1.26.4"}})
    gates = [Gate(Question("minor", system), Facts()) for system in ("one", "two")]
    own = plain(client_snapshot())
    for number, gate in enumerate(gates):
        there = {**own["distributions"], "numpy": f"2.{number}.0"}
        modules = {**own["modules"], "names": [*own["modules"]["names"], "numpy"]}
        gate.admit({**own, "schema": 1, "distributions": there, "modules": modules}, None)
    with pytest.raises(ParityError):
        gates[0].refuse_task(needs)
    assert wanted(project).manifest.distributions["numpy"] == "2.0.0"


def test_a_damaged_memory_is_as_good_as_none(project: Settings):
    """And says what to do."""
    for value in ("{", [], json.dumps({**plain(laptop()), "schema": 99})):
        Facts().store(f"remote side of {project.root.resolve()}", value)
        with pytest.raises(ConfigError):
            wanted(project, remote=True)


def test_the_patch_of_the_image_is_taken_where_it_is():
    """Else the newest of the same minor version."""
    own = "{}.{}.{}".format(*sys.version_info)
    for version in {own, *(one for one in interpreters() if not re.match(r"3\.[67]\.", one))}:
        assert find_python(version, fetch=False).version == version
        minor = version.rpartition(".")[0]
        assert find_python(f"{minor}.99", fetch=False).version.startswith(f"{minor}.")


def test_a_free_threaded_python_is_another():
    """Of one minor version the one that is built alike comes first, then the newest."""
    found = ["3.13.1", "3.13.0t", "3.13.10", "3.13.9t"]
    assert max(found, key=lambda one: likeness(one, "3.13.5t")) == "3.13.9t"
    assert max(found, key=lambda one: likeness(one, "3.13.5")) == "3.13.10"


def test_a_python_that_is_nowhere_is_said():
    """With what to install."""
    with pytest.raises(VenvError, match=r"no Python 3\.99.*Install uv"):
        find_python("3.99.1", fetch=False)


def test_uv_is_told_what_pip_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A variable before a file, the environment's own file last; whoever told uv is left alone."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("fcx.venv.indexes.SYSTEM", tmp_path / "none")
    (tmp_path / "pip").mkdir()
    (tmp_path / "pip/pip.conf").write_text(
        "[global]\nindex-url = https://a.example\ntimeout = 3\nfind-links =\n    /a\n    /b\n"
        "[install]\nextra-index-url = https://b.example\n"
    )
    home = {"XDG_CONFIG_HOME": str(tmp_path), "XDG_CONFIG_DIRS": str(tmp_path / "none")}
    told = for_uv({**home, "PIP_INDEX_URL": "https://mine.example/simple"}, tmp_path)
    assert told == {
        "UV_DEFAULT_INDEX": "https://mine.example/simple",
        "UV_INDEX": "https://b.example",
        "UV_FIND_LINKS": "/a,/b",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }
    (tmp_path / "pip.conf").write_text("[global]\nindex-url = https://c.example\n")
    assert for_uv(home, tmp_path)["UV_DEFAULT_INDEX"] == "https://c.example"
    assert for_uv({**home, "PIP_CONFIG_FILE": os.devnull}, tmp_path) == {}
    (tmp_path / "pip/pip.conf").write_text("not a file of settings\n")
    assert for_uv(home, tmp_path) == {"UV_DEFAULT_INDEX": "https://c.example"}
    assert for_uv({**home, "UV_INDEX_URL": "https://d.example"}, tmp_path) == {}
    (tmp_path / "uv.toml").write_text("")
    assert for_uv(home, tmp_path) == {}


def test_what_fcx_needs_is_everything_that_it_imports():
    """With what its requirements need in turn; not the extras that nobody asked for."""
    found = closure()
    assert {"firecrest-fcx", "pyfirecrest", "httpx", "httpcore", "rich", "msgspec"} <= found
    assert not {"pytest", "fastapi", "ruff"} & found
    assert all(re.fullmatch("[a-z0-9-]+", name) for name in found)
