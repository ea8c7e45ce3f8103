"""What is installed is read when something changed, and as imports would find it."""

from __future__ import annotations

import pytest
from parity.images import put_package

from fcx.protocol import probe
from fcx.remote.installed import Installed


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
def installed(first, second):
    """As an agent's interpreter has it."""
    first.mkdir()
    path = [str(first), str(second), str(first / "python311.zip")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.path", path)
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
