"""Which modules the client has, and of which distributions they are."""

from __future__ import annotations

import pytest

from fcx.payload.installed import installed


def test_installed():
    """Distributions go by other names than their modules; absent modules are left out."""
    found = installed(["dateutil", "yaml", "sklearn", "json", "absent_one", "winreg", "_pytest"])
    assert set(found) == {"dateutil", "yaml", "sklearn", "json", "_pytest"}
    assert list(found["yaml"]) == ["pyyaml"]
    assert found["json"] == {}
    assert found["_pytest"] == {"pytest": pytest.__version__}


def test_here_of_a_module_without_metadata(project):
    """A loose module is there, and nobody knows its version."""
    project({"loose.py": ""})
    assert installed(["loose"]) == {"loose": {}}


def put(site, name, version, files, record=True):
    """Install a distribution by hand; without a list of files, as some packagers do."""
    info = site / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n\n")
    for file in files:
        (site / file).parent.mkdir(parents=True, exist_ok=True)
        (site / file).write_text("")
    if record:
        (info / "RECORD").write_text("".join(f"{file},,0\n" for file in files))


@pytest.fixture
def site(tmp_path, monkeypatch):
    """An empty site-packages on sys.path."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return folder


def test_parts_of_a_shared_package(site):
    """The first part of a dotted name that is one distribution's, in namespaces and others."""
    put(site, "spaced-a", "1.0", ["spaced/a/__init__.py", "spaced/a/core.py"])
    put(site, "spaced-b", "2.0", ["spaced/cloud/b/__init__.py"])
    put(site, "whole", "3.0", ["whole/__init__.py", "whole/core.py"])
    put(site, "whole-plugin", "4.0", ["whole/plugins/p.py"])
    found = installed(["spaced.a.core", "spaced.cloud.b.x", "whole.plugins.p", "whole.core"])
    both = {"whole": "3.0", "whole-plugin": "4.0"}
    assert found == {
        "spaced": {"spaced-a": "1.0", "spaced-b": "2.0"},
        "spaced.a": {"spaced-a": "1.0"},
        "spaced.cloud.b": {"spaced-b": "2.0"},
        "whole": both,
        "whole.core": {"whole": "3.0"},
        "whole.plugins.p": {"whole-plugin": "4.0"},
    }
    assert installed(["whole"]) == {"whole": both}


def test_without_a_list_of_files(site):
    """A distribution that does not say what it has is known by its name."""
    put(site, "dashed-name", "1.0", ["dashed_name.py"], record=False)
    assert installed(["dashed_name"]) == {"dashed_name": {"dashed-name": "1.0"}}


def test_a_leftover(site):
    """Metadata whose files are another version's do not count."""
    put(site, "tiny", "1.26.4", ["tiny/__init__.py"])
    put(site, "tiny", "2.1.0", ["tiny/__init__.py"])
    (site / "tiny-1.26.4.dist-info" / "RECORD").write_text("tiny/__init__.py,,17\n")
    assert installed(["tiny"]) == {"tiny": {"tiny": "2.1.0"}}


def test_inside_of_another(site, monkeypatch):
    """What a finder takes from another one's folder is that one's: `distutils` of setuptools."""
    put(site, "host", "1.0", ["host/__init__.py", "host/_guest/__init__.py"])
    monkeypatch.syspath_prepend(str(site / "host"))
    assert installed(["_guest"]) == {"_guest": {"host": "1.0"}}
