"""Environments that are made and repaired by real tools, with real interpreters and no index.

What fcx itself needs is on the shelf as empty stand-ins: here it is put in, and not run.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from cluster.bases import interpreters
from cluster.project import FCX
from executors.deadline import eventually
from parity.sides import manifest
from serving import serving
from shelf import Shelf, uv

from fcx.install import NAME
from fcx.parity.manifest import Manifest
from fcx.venv.journal import Journal
from fcx.venv.target import Target

pytestmark = pytest.mark.slow

OWN = ".".join(map(str, sys.version_info[:3]))
MINORS = ("3.12", "3.13")
OTHER = max((one for one in interpreters() if one[:4] in MINORS and one[:4] != OWN[:4]), default="")
MANIFEST = "edf/fcx-image.manifest.json"


@dataclass
class Client:
    """A project's folder, and a shelf to install from."""

    root: Path
    shelf: Shelf
    needs: dict[str, str]
    tool: str = "uv"

    @property
    def venv(self) -> Path:
        """Where `fcx env sync` makes it."""
        return self.root / ".venv"

    def follow(self, releases: dict[str, str], python: str = OWN, **origins: str) -> Manifest:
        """Have an image with these releases, beside what fcx needs."""
        minor = "".join(python.split(".")[:2])
        made = manifest(
            {
                "python/version": python,
                "python/cache_tag": f"cpython-{minor}",
                "python/magic": "",
                "dill": self.needs["dill"],
                "distributions": {"dill": self.needs["dill"], **releases},
                "origins": {name: json.dumps({"url": url}) for name, url in origins.items()},
            },
            origin="built",
        )
        path = self.root / MANIFEST
        path.parent.mkdir(exist_ok=True)
        path.write_text(made.to_json())
        return made

    def sync(self, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Call it here."""
        done = subprocess.run(
            [*FCX, "env", "sync", *words],
            cwd=self.root, env=self.shelf.env(self.tool), capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    def synced(self, *words: str, code: int = 0) -> dict:
        """What it says as JSON."""
        said: dict = json.loads(self.sync("--json", *words, code=code).stdout)
        return said

    @property
    def there(self) -> dict[str, str]:
        """What is in the environment, but for what fcx brings."""
        found = Target.look(self.venv).found
        assert found
        brought = {*self.needs, NAME, "pip", "setuptools"} - {"dill"}
        return {name: one for name, one in found.distributions.items() if name not in brought}


@pytest.fixture
def client(tmp_path: Path) -> Client:
    """A folder with a blank in its name, and three small distributions in three releases."""
    if not OTHER:
        pytest.skip(f"no second Python here: one of {', '.join(MINORS)} would do")
    shelf = Shelf(tmp_path / "shelf")
    for name in ("small", "tiny", "beside"):
        for version in ("1.0.0", "1.1.0", "2.0.0"):
            shelf.wheel(name, version)
    root = tmp_path / "a project"
    root.mkdir()
    (root / "fcx.toml").write_text("")
    return Client(root, shelf, shelf.needs_of_fcx())


def pip_in(folder: Path, client: Client, *words: str) -> None:
    """By hand, as a user does it."""
    command = [str(uv()), "pip", "install", "--quiet", "--python", str(folder / "bin/python")]
    index = ("--no-index", "--find-links", str(client.shelf.folder))
    subprocess.run([*command, *index, *words], env=client.shelf.env("uv"), check=True)


@pytest.mark.parametrize("tool", ["uv", "pip"])
def test_it_is_made_repaired_and_then_left_alone(client: Client, tool: str):
    """With another Python than the caller's; drift is put right, and a second run does nothing."""
    client.tool = tool
    client.follow({"small": "1.1.0", "tiny": "1.0.0"}, OTHER)
    planned = client.synced("--dry-run")
    assert set(planned["install"]) == {"small", "tiny", "dill"}
    assert not client.venv.exists()
    said = client.synced("--name", "fcx-image")
    assert (said["python"], said["passed"], said["lacks"], said["fcx"]) == (OTHER, True, {}, True)
    wanted = {"dill": client.needs["dill"], "small": "1.1.0", "tiny": "1.0.0"}
    assert client.there == wanted
    assert (client.venv / "bin/fcx").is_file()
    shutil.rmtree(client.shelf.folder)  # nothing is asked for any more
    before = Journal.read(client.venv)
    done = client.sync()
    assert "nothing to do" in done.stdout
    assert "equals fcx-image" in done.stdout
    assert Journal.read(client.venv) == before
    client.shelf = Shelf(client.shelf.folder)
    client.shelf.wheel("small", "1.1.0")
    client.shelf.wheel("small", "2.0.0")
    client.shelf.wheel("beside", "1.0.0", ["small>=2"])
    pip_in(client.venv, client, "small==2.0.0", "beside")
    said = client.synced()
    assert said["install"] == {"small": "1.1.0"}
    assert client.there == {**wanted, "beside": "1.0.0"}
    assert any("small" in note for note in said["notes"]), "what no longer goes together is said"
    assert client.synced("--prune")["remove"] == ["beside"]
    assert client.there == wanted


def test_what_cannot_be_had_is_said_and_the_rest_is_there(client: Client):
    """One by one, once; a builder's own part of a version can be done without."""
    client.shelf.wheel("torchlike", "2.3.0")
    client.follow(
        {"small": "1.0.0", "gone": "1.0", "torchlike": "2.3.0+cu121", "own": "1.0", "tiny": "9.9"},
        own="file:///opt/own",
    )
    client.shelf.wheel("own", "1.0")  # a stranger's
    said = client.synced()
    assert set(said["lacks"]) == {"gone", "torchlike", "own", "tiny"}
    assert "file:///opt/own" in said["lacks"]["own"]
    assert said["lacks"]["torchlike"].startswith("2.3.0 is there instead")
    assert client.there == {"dill": client.needs["dill"], "small": "1.0.0", "torchlike": "2.3.0"}
    again = client.sync()
    assert "nothing to do" in again.stdout
    assert again.stderr.count("warning: ") == 4
    client.shelf.wheel("gone", "1.0")
    assert client.synced()["install"] == {}
    assert set(client.synced("--fresh")["lacks"]) == {"torchlike", "own", "tiny"}
    assert client.there["gone"] == "1.0"


def test_what_the_image_has_from_an_address_is_taken_from_there(client: Client, tmp_path: Path):
    """Also where the index has the same release: it need not be the same thing."""
    elsewhere = Shelf(tmp_path / "elsewhere")
    with serving(elsewhere.wheel("small", "1.0.0").parent) as address:
        url = f"{address}/small-1.0.0-py3-none-any.whl"
        client.follow({"small": "1.0.0", "tiny": "1.0.0"}, small=url)
        client.sync()
        (site,) = client.venv.glob("lib/python3*/site-packages")
        record = json.loads((site / "small-1.0.0.dist-info/direct_url.json").read_text())
        assert record["url"] == url
        assert "nothing to do" in client.sync().stdout
        pip_in(client.venv, client, "--reinstall", "small==1.0.0")
        assert client.synced()["install"] == {"small": "1.0.0"}


def test_fcx_keeps_what_it_needs(client: Client):
    """Where the image has a release that it cannot do with, that is said; it is not fought over."""
    client.shelf.wheel("packaging", "1.0")
    client.follow({"packaging": "1.0", "small": "1.0.0"})
    said = client.synced()
    assert "fcx needs that" in said["lacks"]["packaging"]
    assert "nothing to do" in client.sync().stdout


def test_an_environment_of_somebody_elses_is_not_harmed(client: Client):
    """Repaired where it is named or the project's; another Python only where it may be lost."""
    client.follow({"small": "1.0.0"}, OTHER)
    subprocess.run([str(uv()), "venv", "-q", "--python", sys.executable, client.venv], check=True)
    pip_in(client.venv, client, "beside==1.0.0")
    minor = OTHER.rpartition(".")[0]
    said = client.sync(code=2).stderr
    assert f"--venv .venv-{minor} makes another beside it" in said
    assert client.there == {"beside": "1.0.0"}
    client.follow({"small": "1.0.0"})
    assert client.synced()["python"] == OWN
    assert client.there["beside"] == "1.0.0"
    assert client.there["small"] == "1.0.0"
    assert Journal.read(client.venv).made is False
    client.follow({"small": "1.0.0"}, OTHER)
    client.sync(code=2)
    assert client.synced("--clear")["python"] == OTHER
    assert Journal.read(client.venv).made is True
    client.follow({"small": "1.0.0"})
    assert client.synced()["python"] == OWN, "fcx may make anew what it made"


def test_an_active_environment_is_not_made_of_itself(client: Client):
    """Its Python is in PATH, and goes as it is made anew."""
    client.follow({"small": "1.0.0"}, OTHER)
    client.sync()
    env = {**client.shelf.env("uv"), "PYENV_ROOT": str(client.root), "VIRTUAL_ENV": str(client.venv)}
    env["PATH"] = f"{client.venv}/bin:{env['PATH']}"
    command = [*FCX, "env", "sync", "--clear"]
    subprocess.run(command, cwd=client.root, env=env, capture_output=True, check=True)
    assert client.there["small"] == "1.0.0"


def test_what_is_no_environment_is_left_alone(client: Client):
    """A folder of files, a system's Python, and one in which fcx runs and has another Python."""
    client.follow({"small": "1.0.0"}, OTHER)
    (client.root / "results").mkdir()
    (client.root / "results/data").write_text("")
    for folder in ("results", "/usr", str(interpreters()[OTHER])):
        for more in ((), ("--clear",)):
            said = client.sync("--venv", folder, *more, code=2).stderr
            assert "is no virtual environment" in said
    assert (client.root / "results/data").exists()
    assert "cannot be made" in client.sync("--venv", "results/data/x", code=2).stderr
    assert "fcx runs in" in client.sync("--venv", sys.prefix, "--clear", code=2).stderr


def test_a_killed_run_is_made_good_by_the_next(client: Client):
    """Wherever it was: half an environment, a distribution without its list of files."""
    client.follow({"small": "1.0.0", "tiny": "1.0.0"})
    client.venv.mkdir()
    Journal(made=True).write(client.venv)
    (client.venv / "pyvenv.cfg").write_text("")
    client.sync()
    (site,) = client.venv.glob("lib/python3*/site-packages")
    for file in ("RECORD", "INSTALLER"):
        (site / f"small-1.0.0.dist-info/{file}").unlink()
    (site / "small/__init__.py").unlink()
    busy = ("small", NAME)
    journal = Journal.read(client.venv)
    Journal(True, journal.fcx, busy, journal.lacks).write(client.venv)
    (site / "tiny-1.0.0.dist-info/INSTALLER").unlink()  # of another tool's making
    said = client.synced()
    assert said["install"] == {"small": "1.0.0"}
    assert (site / "small/__init__.py").is_file()
    assert Journal.read(client.venv).busy == ()
    assert "nothing to do" in client.sync().stdout


@pytest.mark.parametrize("tool", ["uv", "pip"])
def test_files_that_are_gone_under_their_metadata_are_put_back(client: Client, tool: str):
    """Of the image's releases, of fcx, and of what fcx needs; lengths and lists count, too."""
    client.tool = tool
    client.follow({"small": "1.0.0", "tiny": "1.0.0"})
    client.sync()
    (site,) = client.venv.glob("lib/python3*/site-packages")
    (site / "small/__init__.py").unlink()
    shutil.rmtree(site / "fcx/edf")
    (site / "typer/__init__.py").unlink()
    (site / "tiny-1.0.0.dist-info/RECORD").unlink()
    (site / "tiny/__init__.py").unlink()
    planned = client.sync("--dry-run").stdout
    assert "~ small 1.0.0, whose files were not whole" in planned
    said = client.synced()
    assert set(said["install"]) == {"small", "tiny", "typer"}
    assert (said["fcx"], said["passed"], said["lacks"]) == (True, True, {})
    for path in ("small/__init__.py", "tiny/__init__.py", "typer/__init__.py", "fcx/edf/check.py"):
        assert (site / path).is_file(), path
    assert "nothing to do" in client.sync().stdout
    with (site / "small-1.0.0.dist-info/RECORD").open("a") as record:
        record.write("small/gone.py,,\n")
    client.shelf.wheel("small", "1.0.0")
    assert client.synced()["lacks"] == {}, "its list was made anew"


def test_killed_at_any_time_it_is_whole_after_the_next_run(client: Client):
    """The real thing, at a few moments."""
    client.tool = "pip"
    client.follow({"small": "1.0.0", "tiny": "1.0.0"})
    moments = (
        lambda: Journal.read(client.venv).busy,
        lambda: list(client.venv.glob("lib/*/site-packages/small")),
    )
    for moment in moments:
        process = subprocess.Popen(
            [*FCX, "env", "sync"],
            cwd=client.root, env=client.shelf.env("pip"), start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        eventually(lambda: moment() or process.poll() is not None)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    client.sync()
    assert client.there == {"dill": client.needs["dill"], "small": "1.0.0", "tiny": "1.0.0"}
    assert "nothing to do" in client.sync().stdout


@pytest.mark.parametrize("tool", ["uv", "pip"])
def test_an_index_that_is_named_goes_before_those_of_the_tools(client: Client, tool: str, tmp_path):
    """Whichever of them installs, and though it was told to ask none."""
    client.tool = tool
    client.follow({"small": "1.0.0", "private-a": "3.0", "private-b": "1.0"})
    addresses = []
    with ExitStack() as stack:
        for name, version in (("private-a", "3.0"), ("private-b", "1.0")):
            Shelf(tmp_path / f"index-{name}" / name).wheel(name, version)
            addresses.append(stack.enter_context(serving(tmp_path / f"index-{name}")))
        named = ("--index-url", addresses[0], "--extra-index-url", addresses[1])
        assert client.synced(*named)["lacks"] == {}
    assert client.there["private-a"] == "3.0"


def test_an_index_that_does_not_answer_is_no_lack(client: Client):
    """It ends with what to do, and what could not be had is not noted."""
    client.follow({"small": "1.0.0"})
    env = client.shelf.env("uv")
    env |= {"UV_INDEX_URL": "http://127.0.0.1:9/simple", "UV_HTTP_RETRIES": "0"}
    done = subprocess.run(
        [*FCX, "env", "sync"], cwd=client.root, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "the same command goes on" in done.stderr
    assert Journal.read(client.venv).lacks == {}
    assert client.synced()["lacks"] == {}


def test_an_image_that_no_client_can_follow_is_said(client: Client):
    """fcx does not run on its Python."""
    client.follow({}, "3.8.18")
    assert "fcx needs CPython 3.10 or later" in client.sync(code=3).stderr
