"""fcx.toml is read whole or refused, with the file, the section and the key in the message."""

from __future__ import annotations

from pathlib import Path

import pytest

from fcx.config import KNOWN_SITES, EdfSettings, ImageSettings, ParitySettings, Settings, Site
from fcx.errors import ConfigError

WHOLE = """
[image]
name = "mine"
build_args = { BASE = "x" }
[edf]
writable = false
mounts = ["/a:/a"]
env = { A = "1" }
annotations = { com.hooks.cxi.enabled = "true", other = { x = true } }
[parity]
policy = "strict"
packages = { numpy = "~=2.1" }
assume = ["cv2"]
max_age_days = 2
[executor]
sbatch_options = ["--time=5"]
[site.new]
architecture = "arm64"
engine = "sarus"
"""


def load(folder: Path, text: str | bytes) -> Settings:
    """Settings of a file with this text."""
    (folder / "fcx.toml").write_bytes(text.encode() if isinstance(text, str) else text)
    return Settings.load(folder)


def test_every_section(tmp_path: Path):
    """Each value arrives; what is not said stays at its default."""
    settings = load(tmp_path, WHOLE)
    assert settings.root == tmp_path
    assert settings.image == ImageSettings("mine", build_args={"BASE": "x"})
    assert settings.edf == EdfSettings(
        writable=False,
        mounts=("/a:/a",),
        env={"A": "1"},
        annotations={"com": {"hooks": {"cxi": {"enabled": "true"}}}, "other": {"x": True}},
    )
    assert settings.parity == ParitySettings("strict", {"numpy": "~=2.1"}, ("cv2",), 2.0)
    assert isinstance(settings.parity.max_age_days, float)
    assert settings.executor.sbatch_options == ("--time=5",)
    assert settings.site("new") == Site("new", "arm64", "sarus")
    assert settings.site("new").platform == "linux/arm64"


def test_a_file_as_windows_writes_it(tmp_path: Path):
    """With a mark of the byte order, and lines that end in two characters."""
    text = "\ufeff[image]\nname = 'mine'\n".replace("\n", "\r\n")
    assert load(tmp_path, text).image.name == "mine"
    with pytest.raises(ConfigError, match="Save it as UTF-8"):
        load(tmp_path, "# é".encode("latin1"))


def test_systems_that_nobody_described(tmp_path: Path):
    """Known ones, in any case; of others nothing is known."""
    settings = Settings(tmp_path)
    assert settings.site("Daint") == KNOWN_SITES["daint"]
    assert settings.site("nowhere") == Site("nowhere")
    assert settings.site("nowhere").platform == ""


def test_the_nearest_file_counts(tmp_path: Path):
    """From a folder below; without any, the defaults."""
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert Settings.load(below) == Settings(below)
    load(tmp_path, '[image]\nname = "top"\n')
    assert Settings.load(below).root == tmp_path
    load(tmp_path / "a", '[image]\nname = "nearer"\n')
    assert Settings.load(below).image.name == "nearer"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "[imag]\n",
            "[imag] is not known; known: edf, executor, image, parity, remote_build, site",
        ),
        (
            "[edf]\nmount = []\n",
            "[edf] mount is not known; known: annotations, base, env, image, m",
        ),
        (
            "[site.x]\narch = ''\n",
            "[site.x] arch is not known; known: architecture, engine, gpus, ",
        ),
        ("[executor]\nparity = 'off'\n", "[executor] parity is not known; known: environment, ga"),
        ("[exectuor]\n", "site. Did you mean 'executor'?"),
        ("[executor]\nwokring_dir = '/x'\n", "working_dir. Did you mean 'working_dir'?"),
        ("image = 1\n", "[image] must be a table"),
        ("[[image]]\n", "[image] must be a table"),
        ("site = 1\n", "[site.<name>] must be tables"),
        ("[site]\nx = 1\n", "[site.x] must be a table without a key 'name'"),
        ("[site.x]\nname = 'y'\n", "[site.x] must be a table without a key 'name'"),
        ("[remote_build]\npodman = ' '\n", "[remote_build] podman must be a command in one line"),
        ('[remote_build]\nenroot = "a\\nb"\n', "[remote_build] enroot must be a command in"),
        ("[image]\nbuild = 'there'\n", "[image] build must be local or remote, not 'there'"),
        ("[image]\nname = 1\n", "[image] name must be a string, not 1"),
        ("[image]\nbuild_args = []\n", "[image] build_args must be a table of strings, not []"),
        ("[edf.env]\nA = 1\n", "[edf] env must be a table of strings, not {'A': 1}"),
        ("[edf]\nmounts = 'x'\n", "[edf] mounts must be an array of strings, not 'x'"),
        ("[edf]\nmounts = [1]\n", "[edf] mounts must be an array of strings, not [1]"),
        ("[edf]\nwritable = 1\n", "[edf] writable must be true or false, not 1"),
        ("[edf]\nannotations = 1\n", "[edf] annotations must be a table, not 1"),
        ("[parity]\nmax_age_days = '7'\n", "[parity] max_age_days must be a number, not '7'"),
        ("[parity]\nmax_age_days = true\n", "[parity] max_age_days must be a number, not True"),
        ("[parity]\npolicy = 'x'\n", "[parity] policy must be strict, minor or off, not 'x'"),
        ("[executor]\nmax_workers = 0\n", "max_workers must be greater than 0, and a whole number"),
        ("[executor]\nidle_timeout = -1\n", "idle_timeout must be a number of seconds, 0 or more"),
        ("[executor]\nenvironment = 1\n", "[executor] environment must be a string, not 1"),
        ("[executor]\nsbatch_options = '-N1'\n", "sbatch_options must be a list, and its items mu"),
        ("[image\n", "cannot be read as TOML: "),
        (b"\xff", " is not in UTF-8 ("),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str | bytes, told: str):
    """A misspelt key would be ignored, a wrong value would fail later."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert told in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "fcx.toml"))


def test_a_file_that_cannot_be_opened(tmp_path: Path):
    """Said with its path."""
    with pytest.raises(ConfigError, match="absent.toml cannot be read"):
        Settings.from_file(tmp_path / "absent.toml")


def test_settings_cannot_be_changed(tmp_path: Path):
    """Whoever holds them."""
    with pytest.raises(AttributeError):
        Settings(tmp_path).parity.policy = "off"  # type: ignore[misc]
