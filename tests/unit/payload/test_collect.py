"""Which of the user's own modules travel with a task, and with which files."""

from __future__ import annotations

import importlib
import sys
import zipfile
from types import ModuleType

import pytest
from pickled import names_in

from fcx.errors import PayloadError, UsageError
from fcx.payload import archive as limits
from fcx.payload.archive import archive
from fcx.payload.collect import Beside, shippable
from fcx.payload.installed import installed
from fcx.payload.shipped import needs_extraction


def test_follows_imports_of_own_modules(project):
    """Absolute and relative imports of the user's modules are followed, others are not."""
    project(
        {
            "pkg/__init__.py": "",
            "pkg/a.py": "from .sub import b\nimport json\nimport numpy\n",
            "pkg/sub/__init__.py": "",
            "pkg/sub/b.py": "def f():\n    import single\n",
            "single.py": "import os\ntry:\n    import other\nexcept ImportError:\n    pass\n",
            "other.py": "",
            "unrelated.py": "",
        }
    )
    shipped = shippable(["pkg.a", "numpy", "json", "absent", "__main__"])
    assert [one.name for one in shipped] == ["other", "pkg", "single"]
    assert {one.top for each in shipped for one in each.imports if not one.pardon} >= {
        "json", "numpy", "os",
    }  # fmt: skip


def test_what_is_installed_is_not_shipped(project):
    """Neither the standard library nor site-packages."""
    folder = project({})
    site = folder / "lib" / "site-packages"
    project({"installed_one.py": ""}, site)
    sys.path.insert(0, str(site))
    try:
        assert shippable(["installed_one", "json", "numpy", "_ctypes", "sys", "fractions"]) == ()
    finally:
        sys.path.remove(str(site))


def test_files_of_a_package(project):
    """Sources and data, without caches, hidden folders and virtual environments."""
    project(
        {
            "pkg/__init__.py": "",
            "pkg/table.csv": "1,2",
            "pkg/__pycache__/x.cpython-311.pyc": "",
            "pkg/.git/config": "",
            "pkg/.hidden": "",
            "pkg/env/pyvenv.cfg": "",
            "pkg/env/lib/x.py": "",
            "pkg/sub/b.py": "",
        }
    )
    shipped = shippable(["pkg"])
    assert names_in(archive(shipped)) == ["pkg/__init__.py", "pkg/sub/b.py", "pkg/table.csv"]
    assert needs_extraction(shipped)


def test_namespace_package_of_two_places(project, tmp_path_factory, monkeypatch):
    """Portions of a namespace join; its data are left, for such a folder may hold anything."""
    other = tmp_path_factory.mktemp("other")
    project({"space/one/__init__.py": "", "space/huge.bin": "x"})
    project({"space/two/__init__.py": ""}, other)
    monkeypatch.syspath_prepend(str(other))
    importlib.invalidate_caches()
    shipped = shippable(["space.one"])
    assert names_in(archive(shipped)) == ["space/one/__init__.py", "space/two/__init__.py"]
    assert not needs_extraction(shipped)


def test_modules_beside_a_program(project, tmp_path_factory, monkeypatch):
    """They come before all others, whatever this process has imported; none is imported."""
    files = {
        "json.py": "import random, once.a\nraise SystemExit",
        "random/__init__.py": "import sys, math_of_mine",
        "once/a.py": "",
        "once/data.bin": "",
        "pytest/no_package.py": "",
        "named_only.py": "",
    }
    folder = project(files, tmp_path_factory.mktemp("program"))
    project({"math_of_mine.py": "import json", "once/b.py": "", "named_only/__init__.py": ""})
    found = shippable(["json", "pytest", "sys"], [Beside(str(folder)), "named_only"])
    assert names_in(archive(found)) == [
        "json.py", "math_of_mine.py", "named_only.py", "once/a.py", "once/b.py", "random/__init__.py",
    ]  # fmt: skip
    monkeypatch.chdir(folder)
    held = shippable([], [Beside(str(folder)), "."])
    assert {one.name for one in held} >= {"json", "pytest", "named_only"}
    assert str(folder) not in sys.path


def test_the_folder_of_installed_modules_beside_a_program(project, tmp_path):
    """Is none of the user's own."""
    site = project({"one_of_them.py": ""}, tmp_path / "site-packages")
    assert shippable(["one_of_them"], [Beside(str(site))]) == ()


def test_module_in_a_zip(project, tmp_path):
    """A module imported from a zip is taken out of it."""
    inner = tmp_path / "lib.zip"
    with zipfile.ZipFile(inner, "w") as target:
        target.writestr("zipped/__init__.py", "import zipped_too\n")
        target.writestr("zipped/a.py", "")
        target.writestr("zipped_too.py", "")
        target.writestr("stranger.py", "")
    sys.path.insert(0, str(inner))
    try:
        shipped = shippable(["zipped.a"])
        files = names_in(archive(shipped))
    finally:
        sys.path.remove(str(inner))
    assert files == ["zipped/__init__.py", "zipped/a.py", "zipped_too.py"]


def test_editable_install_by_a_finder(project, tmp_path_factory):
    """A module that only an import hook finds, as editable installs have them."""
    source = tmp_path_factory.mktemp("src")
    project({"hooked/__init__.py": "", "hooked/a.py": ""}, source)

    class Finder:
        @staticmethod
        def find_spec(name, path=None, target=None):
            if name == "hooked":
                place = source / "hooked" / "__init__.py"
                return importlib.util.spec_from_file_location(name, place)
            return None

    sys.meta_path.append(Finder)
    try:
        assert names_in(archive(shippable(["hooked.a"]))) == ["hooked/__init__.py", "hooked/a.py"]
    finally:
        sys.meta_path.remove(Finder)


def test_extension_module(project):
    """A compiled module of the user's own travels, and must be unpacked."""
    from importlib.machinery import EXTENSION_SUFFIXES

    project({f"fast{EXTENSION_SUFFIXES[0]}": "no machine code"})
    shipped = shippable(["fast"])
    assert names_in(archive(shipped)) == [f"fast{EXTENSION_SUFFIXES[0]}"]
    assert needs_extraction(shipped)


def test_module_that_does_not_compile(project):
    """A source with a syntax error is shipped all the same: importing it says what is wrong."""
    project({"broken.py": "def f(:\n"})
    assert [one.name for one in shippable(["broken"])] == ["broken"]


def test_include(project, tmp_path, tmp_path_factory, monkeypatch):
    """Names, dotted names, module objects, files, folders; installed ones as well."""
    aside = tmp_path_factory.mktemp("aside")
    project({"pkg/__init__.py": "", "pkg/sub.py": "", "single.py": "import pkg"})
    project({"tool.py": "", "folder/a.py": "", "conf.yaml": "x: 1", "onpath/x.py": ""}, aside)
    single = importlib.import_module("single")
    monkeypatch.syspath_prepend(str(aside / "onpath"))

    def files(*include):
        return names_in(archive(shippable([], include)))

    assert files("pkg.sub") == ["pkg/__init__.py", "pkg/sub.py"]
    assert files(single) == ["pkg/__init__.py", "pkg/sub.py", "single.py"]
    assert files(aside / "tool.py") == ["tool.py"]
    assert files(str(aside / "folder")) == ["folder/a.py"]
    assert files(aside / "onpath") == ["x.py"]
    assert files(aside / "conf.yaml") == ["conf.yaml"]
    assert "typer/__init__.py" in files("typer")
    monkeypatch.chdir(aside)
    assert files("folder") == ["folder/a.py"]
    with pytest.raises(UsageError, match="nowhere.*neither a module"):
        files("nowhere")


def test_too_large(project, monkeypatch):
    """The limits name what is largest and what to do."""
    project({"pkg/__init__.py": "", "pkg/data.bin": "x" * 5000})
    monkeypatch.setattr(limits, "MAX_BYTES", 4000)
    with pytest.raises(PayloadError, match=r"(?s)pkg.*data\.bin.*install the package in the image"):
        shippable(["pkg"])


def test_module_made_at_run_time():
    """A module that exists in memory only is neither shipped nor does it disturb."""
    sys.modules["made_here"] = ModuleType("made_here")
    try:
        assert shippable(["made_here"]) == ()
        assert installed(["made_here"]) == {"made_here": {}}
    finally:
        del sys.modules["made_here"]
