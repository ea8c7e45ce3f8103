"""`fcx init` lays out a project that builds, and never takes anything away."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tomlkit
from cluster.project import Project
from places import REPOSITORY

from fcx.cli.template import TEMPLATE, edited
from fcx.config import Settings
from fcx.errors import ConfigError


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty folder with a name that no image could have."""
    root = tmp_path / "My Project!"
    root.mkdir()
    return Project(root)


def test_lays_out_everything(project: Project):
    """Settings, Dockerfile, requirements and edf/; what is written is what the project ships."""
    outcome = json.loads(project.fcx("init", "--json").stdout)
    assert set(outcome.values()) == {"written"}
    for name in ("Dockerfile", "requirements.txt"):
        mine = (project.root / "containers" / name).read_bytes()
        assert mine == (REPOSITORY / "containers" / name).read_bytes()
    settings = Settings.load(project.root)
    assert settings.image.name == "my-project"
    assert (project.root / "edf").is_dir()


def test_the_next_command_is_the_whole_way(project: Project):
    """On a cluster an image that was only built is not there, and a preflight in its EDF fails."""
    assert project.fcx("init").stdout.splitlines()[-1].strip() == "fcx up"


def test_the_edf_of_the_template_is_that_of_the_image(project: Project):
    """As `fcx edf write` calls it, whatever the image is named."""
    for words, name in ((), "my-project"), (("--force", "--name", "r.io/team/sim:1"), "my-project"):
        project.fcx("init", *words)
        text = (project.root / "fcx.toml").read_text()
        assert f'# environment = "edf/{name}.toml"' in text
    (project.root / "fcx.toml").unlink()
    project.fcx("init", "--name", "r.io/team/sim:1")
    assert (
        '# environment = "edf/sim.toml"           # an EDF'
        in (project.root / "fcx.toml").read_text()
    )


def test_the_template_says_the_defaults(tmp_path: Path):
    """A fresh fcx.toml changes nothing but the name."""
    (tmp_path / "fcx.toml").write_text(TEMPLATE)
    settings = Settings.load(tmp_path)
    assert settings == Settings(tmp_path, sites=settings.sites)


def test_each_line_that_is_commented_out_is_valid(tmp_path: Path):
    """Taking a comment sign away gives settings that fcx accepts."""
    header = ""
    for line in TEMPLATE.splitlines():
        if line.startswith("["):
            header = line
        text = line.removeprefix("# ")
        if text.startswith("[site"):
            header = text
        elif line.startswith("# ") and " = " in text:
            (tmp_path / "fcx.toml").write_text(f"{header}\n{text}\n")
            Settings.load(tmp_path)


def test_a_second_time_keeps_everything(project: Project):
    """What exists stays to the byte, and that is no error."""
    project.fcx("init")
    project.write("fcx.toml", "# mine\n")
    project.write("containers/Dockerfile", "FROM mine\n")
    outcome = json.loads(project.fcx("init", "--json").stdout)
    assert set(outcome.values()) == {"kept"}
    assert (project.root / "fcx.toml").read_text() == "# mine\n"
    assert (project.root / "containers/Dockerfile").read_text() == "FROM mine\n"


def test_an_option_is_not_dropped_in_silence(project: Project):
    """An option for a file that is kept is refused, with what would set it."""
    project.fcx("init")
    before = (project.root / "fcx.toml").read_text()
    assert "--force" in project.fcx("init", "--site", "daint", code=2).stderr
    assert (project.root / "fcx.toml").read_text() == before


def test_force_edits_and_keeps_comments(project: Project):
    """Values are set; comments, order and other values stay; old files are kept aside."""
    project.fcx("init")
    path = project.root / "fcx.toml"
    path.write_text(path.read_text() + "\n# my own remark\n[parity.packages]\nnumpy = '~=2.1'\n")
    project.write("containers/Dockerfile", "FROM mine\n")
    words = ["--site", "new", "--architecture", "arm64", "--working-dir", "/scratch/me"]
    project.fcx("init", "--force", "--name", "thing", *words)
    text = path.read_text()
    assert "# my own remark" in text
    assert "# Credentials never stand here" in text
    settings = Settings.load(project.root)
    assert (settings.image.name, settings.image.site) == ("thing", "new")
    assert settings.site("new").architecture == "arm64"
    assert settings.executor.working_dir == "/scratch/me"
    assert settings.parity.packages == {"numpy": "~=2.1"}
    assert (project.root / "containers/Dockerfile.bak").read_text() == "FROM mine\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--architecture", "arm64"], "--site"),
        (["--site", "x", "--architecture", "sparc"], "neither amd64 nor arm64"),
    ],
)
def test_what_cannot_be_set(project: Project, words: list[str], message: str):
    """A wrong option is refused before anything is written."""
    assert message in project.fcx("init", *words, code=2).stderr
    assert list(project.root.iterdir()) == []


def test_a_broken_file_is_not_edited(project: Project):
    """What is no TOML is left alone and named."""
    project.write("fcx.toml", "[image\n")
    assert "cannot be read as TOML" in project.fcx("init", "--force", "--name", "x", code=2).stderr
    assert (project.root / "fcx.toml").read_text() == "[image\n"


def test_edits_of_odd_documents():
    """Missing tables are made; something else in their place is refused."""
    text = edited("", {("site", "a b", "architecture"): "arm64", ("image", "name"): 'q"'})
    found = tomlkit.parse(text).unwrap()
    assert found == {"site": {"a b": {"architecture": "arm64"}}, "image": {"name": 'q"'}}
    inline = edited("image = { name = 'x' } # c\n", {("image", "name"): "y"})
    assert tomlkit.parse(inline).unwrap() == {"image": {"name": "y"}}
    assert "# c" in inline
    with pytest.raises(ConfigError, match="must be a table"):
        edited("image = 1\n", {("image", "name"): "y"})
