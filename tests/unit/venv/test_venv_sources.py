"""Which image is followed, which Pythons there are, where uv looks, what of it all is fcx."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from cluster.bases import interpreters
from parity.sides import laptop, manifest, snapshot

from fcx.config import ExecutorSettings, ParitySettings, Settings
from fcx.errors import ConfigError, ParityError, UsageError
from fcx.parity.gate import Gate, Question
from fcx.records import plain
from fcx.state.facts import Facts
from fcx.venv.indexes import for_uv, translated
from fcx.venv.interpreters import find_python
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
    executor = ExecutorSettings(environment="edf/other.toml")
    assert wanted(Settings(tmp_path, executor=executor)).source.endswith("other.manifest.json")
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


def test_a_damaged_memory_is_as_good_as_none(project: Settings):
    """And says what to do."""
    for value in ("{", [], json.dumps({**plain(laptop()), "schema": 99})):
        Facts().store(f"remote side of {project.root.resolve()}", value)
        with pytest.raises(ConfigError):
            wanted(project, remote=True)


def test_the_patch_of_the_image_is_taken_where_it_is():
    """Else the newest of the same minor version."""
    version = max(one for one in interpreters() if not one.startswith("3.8."))
    assert find_python(version, fetch=False).version == version
    minor = version.rpartition(".")[0]
    assert find_python(f"{minor}.99", fetch=False).version.startswith(f"{minor}.")


def test_a_python_that_is_nowhere_is_said():
    """With what to install."""
    with pytest.raises(UsageError, match=r"no Python 3\.99.*Install uv"):
        find_python("3.99.1", fetch=False)


def test_uv_is_told_what_pip_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A variable before a file; whoever has told uv is left alone."""
    monkeypatch.chdir(tmp_path)
    listing = (
        ":env:.index-url='https://mine.example/simple'\nglobal.index-url='https://a.example'\n"
        "global.find-links='\\n/a\\n/b'\nglobal.timeout='3'\nglobal.extra-index-url='https://b.example'\n"
    )
    assert translated(listing) == {
        "UV_DEFAULT_INDEX": "https://mine.example/simple",
        "UV_INDEX": "https://b.example",
        "UV_FIND_LINKS": "/a,/b",
    }
    program = ["sh", "-c", 'echo "global.index-url=\'https://a.example\'"', "pip"]
    home = {"XDG_CONFIG_HOME": str(tmp_path)}
    assert for_uv(home, program) == {"UV_DEFAULT_INDEX": "https://a.example"}
    assert for_uv({**home, "UV_INDEX_URL": "https://c.example"}, program) == {}
    (tmp_path / "uv.toml").write_text("")
    assert for_uv(home, program) == {}


def test_what_fcx_needs_is_everything_that_it_imports():
    """With what its requirements need in turn; not the extras that nobody asked for."""
    found = closure()
    assert {"firecrest-fcx", "pyfirecrest", "httpx", "httpcore", "rich", "msgspec"} <= found
    assert not {"pytest", "fastapi", "ruff"} & found
    assert all(re.fullmatch("[a-z0-9-]+", name) for name in found)
