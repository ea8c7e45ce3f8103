"""The plugin for users' own tests: passes, fails with a table, skips, costs nothing unused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from places import EXAMPLES

from fcx import pytest_plugin
from fcx.config import POLICIES
from fcx.parity.manifest import Manifest
from fcx.parity.snapshot import Snapshot
from fcx.protocol import probe
from fcx.records import replace

TEST = EXAMPLES / "ci" / "test_parity.py"  # what users copy


@pytest.fixture
def image() -> Manifest:
    """The manifest of an image that equals this environment."""
    return Manifest.adopt("here", Snapshot.from_probe(probe.snapshot()))


@pytest.fixture
def project(tmp_path) -> Path:
    """A project with one test of parity."""
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    (tmp_path / "test_it.py").write_text(TEST.read_text())
    return tmp_path


def run(project: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Pytest in a process of its own, with no plugins but those that are installed."""
    installed = "fcx" in installed_plugins()
    plugin = () if installed else ("-p", "fcx.pytest_plugin")
    command = [sys.executable, "-m", "pytest", "-rs", *plugin, *options]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)


def installed_plugins() -> set[str]:
    """The entry points through which pytest finds plugins."""
    from importlib.metadata import entry_points

    return {entry.name for entry in entry_points(group="pytest11")}


def test_equal_environments_pass(project, image):
    """The header says what is compared, and the fixture is the verdict."""
    (project / "image.json").write_text(image.to_json())
    done = run(project, "--fcx-manifest", "image.json")
    assert done.returncode == 0, done.stdout
    assert "fcx: parity minor with" in done.stdout


def test_another_python_fails_with_the_table(project, image):
    """The output has both sides and the command that fixes it, and no traceback."""
    other = replace(image.python, version="3.1.4", magic="")
    (project / "image.json").write_text(replace(image, python=other, build_id="b").to_json())
    done = run(project, "--fcx-manifest", "image.json")
    assert done.returncode == 1
    assert "Parity under policy 'minor': REFUSED (1)" in done.stdout
    assert "3.1.4" in done.stdout
    assert "fix: " in done.stdout
    assert "Traceback" not in done.stdout


@pytest.mark.slow
def test_policies(project, image):
    """A package only here is noted under minor, refused under strict, and never under off."""
    others = {name: version for name, version in image.distributions.items() if name != "pytest"}
    (project / "image.json").write_text(replace(image, distributions=others).to_json())
    codes = {
        policy: run(project, "--fcx-manifest", "image.json", "--fcx-policy", policy).returncode
        for policy in ("strict", "minor", "off")
    }
    assert codes == {"strict": 1, "minor": 0, "off": 0}


def test_settings_in_the_configuration_file(project, image):
    """Manifest and policy may stand in pyproject.toml; the rules in fcx.toml count."""
    others = {name: version for name, version in image.distributions.items() if name != "pytest"}
    (project / "image.json").write_text(replace(image, distributions=others).to_json())
    (project / "pyproject.toml").write_text(
        '[tool.pytest.ini_options]\nfcx_manifest = "image.json"\nfcx_policy = "minor"\n'
    )
    assert run(project).returncode == 0
    (project / "fcx.toml").write_text('[parity.packages]\npytest = ">=1"\n')
    done = run(project)
    assert done.returncode == 1
    assert "pytest" in done.stdout


def test_the_policies_are_those_of_fcx():
    """Listed again only because pytest loads the plugin in every project."""
    assert pytest_plugin.POLICIES == POLICIES


def test_without_a_manifest_it_skips(project):
    """The reason says which option to give; nothing is said in the header."""
    done = run(project)
    assert done.returncode == 0
    assert "give --fcx-manifest FILE" in done.stdout
    assert "fcx: parity" not in done.stdout


@pytest.mark.parametrize("content", [None, "{}", "no json"])
def test_a_manifest_that_cannot_be_read(project, content):
    """A missing or damaged file is named, and no test passes by mistake."""
    if content is not None:
        (project / "image.json").write_text(content)
    done = run(project, "--fcx-manifest", "image.json")
    assert done.returncode == 1
    assert "image.json cannot be compared with" in done.stdout
    assert ("`fcx image build` makes one" in done.stdout) is (content is None)


def test_unused_it_loads_nothing(tmp_path):
    """Where no test asks for it, nothing of fcx is imported but the plugin itself."""
    (tmp_path / "test_it.py").write_text(
        "import sys\ndef test_loaded():\n"
        "    loaded = {name for name in sys.modules if name.startswith('fcx')}\n"
        "    assert loaded <= {'fcx', 'fcx.pytest_plugin'}\n"
        "    assert not {'dill', 'docker', 'tomlkit', 'firecrest'} & set(sys.modules)\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        [*command, "-p", "fcx.pytest_plugin"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
