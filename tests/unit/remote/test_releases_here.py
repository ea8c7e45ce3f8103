"""What is installed is read when something changed, and as imports would find it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from parity.images import put_package

from fcx.protocol import probe
from fcx.remote.installed import TELL_PATH, Installed


@pytest.fixture
def first(tmp_path):
    """The folder that is looked into first."""
    return tmp_path / "first"


@pytest.fixture
def second(tmp_path):
    """The folder behind it, with a release of alpha and one of alpha-beta."""
    folder = tmp_path / "second"
    put_package(folder, "alpha", "1.0")
    put_package(folder, "alpha_beta", "2.0")
    return folder


@pytest.fixture
def python(first, second, tmp_path):
    """An interpreter that imports from these folders."""
    launcher = tmp_path / "python"
    path = f"{first}:{second}:{first / 'python311.zip'}"
    launcher.write_text(f'#!/bin/sh\nPYTHONPATH={path} exec {sys.executable} -S "$@"\n')
    launcher.chmod(0o755)
    return str(launcher)


@pytest.fixture
def installed(first, python, monkeypatch):
    """As an agent of that interpreter has it."""
    first.mkdir()
    told = subprocess.check_output([python, "-c", TELL_PATH])
    monkeypatch.setattr("sys.executable", python)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.path", json.loads(told))
        return Installed()


def remove(folder, name):
    """The metadata alone, which is what a version follows from."""
    for info in folder.glob(f"{name}-*.dist-info"):
        for file in info.iterdir():
            file.unlink()
        info.rmdir()


def test_names_are_whole_ones(installed):
    """Of those that begin alike; one that is not there has no version."""
    sets = [{"alpha": ["1.0"]}, {"alpha-beta": ["2.0"], "gamma": [None]}]
    assert installed.look(sets) is False
    assert installed.versions == {"alpha": "1.0", "alpha-beta": "2.0", "gamma": None}
    assert not any(installed.lacks(each) for each in sets)
    assert installed.lacks({"alpha": ["1.1", None]})


def test_nothing_is_read_again_while_nothing_changes(installed, monkeypatch):
    """Not a file is opened: only stamps are compared."""
    sets = [{"alpha": ["1.0"]}]
    installed.look(sets)
    monkeypatch.setattr(probe, "find_distributions", None)
    assert installed.look(sets) is False
    assert installed.look([]) is False
    assert installed.versions == {"alpha": "1.0"}


@pytest.mark.parametrize("new", ["1.1", "", "before"])
def test_a_change_is_seen_at_the_next_look(installed, first, second, new):
    """Another release, none at all, or one that lies before it on the path."""
    installed.look([{"alpha": ["1.0"]}])
    if new == "before":
        put_package(first, "alpha", "3.0")
    else:
        remove(second, "alpha")
        if new:
            put_package(second, "alpha", new)
    assert installed.look([{"alpha": ["1.0"]}]) is True
    assert installed.versions == {"alpha": {"before": "3.0"}.get(new, new or None)}
    assert installed.look([{"alpha": ["1.0"]}]) is False


def test_metadata_that_is_written_anew_in_place(installed, second):
    """So a project that is installed as it stands gets its versions: no folder changes."""
    info = second / "delta.egg-info"
    info.mkdir()
    (info / "PKG-INFO").write_text("Name: delta\nVersion: 1.0\n")
    installed.look([{"delta": ["1.0"]}])
    (info / "PKG-INFO").write_text("Name: delta\nVersion: 1.1\n")
    assert installed.look([{"delta": ["1.0"]}]) is True
    assert installed.lacks({"delta": ["1.0"]})


def test_what_does_not_matter_is_no_change(installed, second):
    """Another distribution came, of which no task has spoken yet."""
    installed.look([{"alpha": ["1.0"]}])
    put_package(second, "epsilon", "1.0")
    assert installed.look([{"alpha": ["1.0"]}]) is False
    assert installed.look([{"alpha": ["1.0"]}]) is False


def test_what_a_worker_may_have_imported_before_anybody_asked_for_it(installed, second):
    """Something has come or gone since: nobody knows which of it a worker has; once."""
    installed.look([{"alpha": ["1.0"]}])
    remove(second, "alpha_beta")
    put_package(second, "alpha_beta", "2.1")
    assert installed.look([{"alpha": ["1.0"]}]) is False
    sets = [{"alpha": ["1.0"], "alpha-beta": ["2.1"]}]
    assert installed.look(sets) is True
    assert installed.look([*sets, {"gamma": [None]}]) is False


@pytest.mark.parametrize(
    ("name", "found"),
    [("alpha", {"alpha": "1.0"}), ("alpha-beta", {"alpha-beta": "2.0"}), ("al", {})],
)
def test_the_probe_reads_what_is_wanted(second, name, found):
    """And finds of that what it finds of all."""
    asked = probe.find_distributions([str(second)], [name])
    assert {key: one[0] for key, one in asked.items() if key == name} == found
    whole = probe.find_distributions([str(second)])
    assert {key: whole[key] for key in found} == {key: asked[key] for key in found}


class TestWhatAVersionDoesNotTell:
    """A module that is imported from elsewhere than from its distribution, or from nowhere."""

    @pytest.mark.parametrize("kind", ["module", "package"])
    def test_before_its_distribution(self, installed, first, kind):
        """Told with where it is; a worker that has imported the right one is replaced."""
        installed.look([{"alpha": ["1.0"]}])
        if kind == "module":
            (first / "alpha.py").write_text("")
        else:
            (first / "alpha").mkdir()
            (first / "alpha" / "__init__.py").write_text("")
        assert installed.look([{"alpha": ["1.0"]}]) is True
        assert installed.versions == {"alpha": f"1.0 but alpha of {first}"}
        assert installed.lacks({"alpha": ["1.0"]})
        assert not installed.lacks({"alpha": ["1.0", f"1.0 but alpha of {first}"]})

    def test_gone_under_metadata_that_are_there(self, installed, second):
        """Also where its folder still is; once it is back, nothing is amiss."""
        installed.look([{"alpha": ["1.0"]}])
        (second / "alpha" / "__init__.py").rename(second / "alpha" / "elsewhere")
        assert installed.look([{"alpha": ["1.0"]}]) is True
        assert installed.versions == {"alpha": "1.0 but alpha of nowhere"}
        (second / "alpha" / "elsewhere").rename(second / "alpha" / "__init__.py")
        assert installed.look([{"alpha": ["1.0"]}]) is True
        assert installed.versions == {"alpha": "1.0"}

    def test_there_before_the_first_look(self, installed, first):
        """A verdict may be days old."""
        (first / "alpha.py").write_text("")
        installed.look([{"alpha": ["1.0"]}])
        assert installed.versions == {"alpha": f"1.0 but alpha of {first}"}

    def test_a_bare_folder_hides_nothing(self, installed, first):
        """Nor does another distribution that has the module, too."""
        (first / "alpha").mkdir()
        put_package(first, "twin", "3.0")
        put_package(second := first.parent / "second", "shared", "1.0")
        for folder, name in ((first, "twin"), (second, "shared")):
            (folder / "both.py").write_text("")
            record = next(folder.glob(f"{name}-*.dist-info")) / "RECORD"
            record.write_text(record.read_text() + "both.py,,\n")
        installed.look([{"alpha": ["1.0"], "shared": ["1.0"]}])
        assert installed.versions == {"alpha": "1.0", "shared": "1.0"}

    def test_what_is_no_module_is_not_looked_for(self, installed, second):
        """Libraries with a version, what was compiled for another Python, data, programs."""
        record = next(second.glob("alpha-*.dist-info")) / "RECORD"
        others = ("libx.1.2.so", "x.cpython-20-y.so", "data/x.py", "__editable__.py", "../bin/x")
        record.write_text(record.read_text() + "".join(f"{other},,\n" for other in others))
        installed.look([{"alpha": ["1.0"]}])
        assert installed.versions == {"alpha": "1.0"}

    def test_the_same_version_installed_anew(self, installed, second):
        """What is in it may be another: a worker that has imported it is replaced."""
        installed.look([{"alpha": ["1.0"]}])
        remove(second, "alpha")
        put_package(second, "alpha", "1.0")
        assert installed.look([{"alpha": ["1.0"]}]) is True
        assert not installed.lacks({"alpha": ["1.0"]})

    def test_a_path_that_has_grown(self, installed, python, first, tmp_path):
        """As a process that starts now has it; one that is older has not."""
        installed.look([{"alpha": ["1.0"]}])
        put_package(tmp_path / "third", "alpha", "2.0")
        launcher = tmp_path / "python"
        launcher.write_text(launcher.read_text().replace("PATH=", f"PATH={tmp_path / 'third'}:"))
        assert installed.look([{"alpha": ["1.0"]}]) is False  # nothing that is looked at tells
        (first / "more.pth").write_text(str(tmp_path / "third"))
        assert installed.look([{"alpha": ["1.0"]}]) is True
        assert installed.versions == {"alpha": "2.0"}
        launcher.write_text("#!/bin/sh\nexit 1\n")
        (first / "more.pth").write_text("another")
        assert installed.look([{"alpha": ["1.0"]}]) is False  # an interpreter that does not start
        assert installed.versions == {"alpha": "2.0"}


@pytest.mark.slow
def test_the_user_s_own_folder_and_files_of_paths(tmp_path):
    """In a real environment, by an agent that runs while they come."""
    prefix = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(prefix)], check=True)
    config = prefix / "pyvenv.cfg"
    config.write_text(config.read_text().replace("packages = false", "packages = true"))
    (site,) = prefix.glob("lib/python3*/site-packages")
    code = """if 1:
        import sys
        sys.path.append(sys.argv[1])
        from fcx.remote.installed import Installed
        del sys.path[-1]
        found = Installed()
        for _ in sys.stdin:
            print(found.look([{"alpha": [None]}]), found.versions["alpha"], flush=True)
    """
    env = {"PYTHONUSERBASE": str(tmp_path / "user"), "PATH": "/usr/bin:/bin"}
    root = str(Path(probe.__file__).parents[2])
    command = [str(prefix / "bin/python"), "-c", code, root]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=env, **pipes) as agent:

        def look():
            agent.stdin.write("\n")
            agent.stdin.flush()
            return agent.stdout.readline().strip()

        assert look() == "False None"
        user = tmp_path / "user" / "lib" / site.parent.name / "site-packages"
        put_package(user, "alpha", "2.0")
        assert look() == "True 2.0"
        (user / "alpha-2.0.dist-info" / "METADATA").unlink()
        assert look() == "True None"
        put_package(tmp_path / "third", "alpha", "3.0")
        (site / "zz.pth").write_text(f"import sys; sys.path.insert(0, {str(tmp_path / 'third')!r})")
        assert look() == "True 3.0"
