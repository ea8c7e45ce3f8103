"""What is said of an image that cannot import what its requirements name."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import interpreters
import pytest
from places import PACKAGE

from fcx.errors import ImageRefused
from fcx.image.context import Context
from fcx.image.importable import import_warnings, required_names

LOADING = "cannot open shared object file: No such file or directory"
FILES = {
    "good/__init__.py": "",
    "good-1.dist-info/METADATA": "Name: good\nVersion: 1\n",
    "good-1.dist-info/RECORD": "good/__init__.py,,\ngood/tests.py,,\n",
    "good-1.dist-info/REQUESTED": "",
    "nopy.py": f"raise ImportError('libgfortran.so.5: {LOADING}')",
    "NoPy-1.dist-info/METADATA": "Name: NoPy\nVersion: 1\n",
    "NoPy-1.dist-info/RECORD": "nopy.py,,\nbeside.py,,\n",
    "NoPy-1.dist-info/REQUESTED": "",
    "crash.py": "print('noise'); import os; os.kill(os.getpid(), 11)",
    "of_another_name-1.dist-info/METADATA": "Name: of-another.name\nVersion: 1\n",
    "of_another_name-1.dist-info/RECORD": "crash.py,,\ntests/__init__.py,,\n",
    "needed.py": "1 / 0",
    "needed-1.dist-info/METADATA": "Name: needed\nVersion: 1\n",
    "needed-1.dist-info/RECORD": "needed.py,,\n",
}


@pytest.mark.parametrize("version", [v for v in sorted(interpreters.found()) if v >= (3, 6)])
def test_what_was_asked_for_is_imported(tmp_path: Path, version: tuple[int, int]):
    """By each Python that an image may have; what only came along is not tried."""
    site = tmp_path / "site-packages"
    for name, text in FILES.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(text)
    programs = [PACKAGE / "image/imports.py", PACKAGE / "protocol/probe.py"]
    code = "import runpy, sys; sys.path.append(sys.argv.pop(1)); sys.argv.pop(0); "
    code += "runpy.run_path(sys.argv[0], run_name='__main__')"
    command = [interpreters.found()[version], "-IS", "-c", code, site, *programs, "Of_Another_Name"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])["failed"]
    assert found == {
        "nopy": f"ImportError: libgfortran.so.5: {LOADING}",
        "crash": "ended by signal 11",
    }


@pytest.mark.parametrize(
    ("library", "package"),
    [
        ("libgfortran.so.5", "libgfortran5"),
        ("libglib-2.0.so.0", "libglib2.0-0"),
        ("libGL.so.1", "libgl1"),
        ("libgomp.so.1", "libgomp1"),
        ("libmpi.so.40", "libmpi40"),
    ],
)
def test_a_library_that_nobody_brings_is_refused(library: str, package: str):
    """With the module, the library and what may have it."""
    with pytest.raises(
        ImageRefused, match=f"import numpy.*Wanted.*{library}.*install -y {package}`"
    ):
        list(import_warnings({"numpy": f"ImportError: (long) {library}: {LOADING}"}))


def test_what_may_be_there_on_the_cluster_is_a_warning():
    """A driver that its engine puts in; and what is no matter of libraries."""
    failing = {"cupy": f"ImportError: libcuda.so.1: {LOADING}", "x": "KeyError: 'DISPLAY'"}
    cupy, other = import_warnings(failing)
    assert "libcuda.so.1, which the cluster's engine puts in" in cupy
    assert "`import x` fails in the image on this machine: KeyError: 'DISPLAY'" in other


def test_names_in_requirements(tmp_path: Path):
    """As pip reads them, without options, comments and constraints."""
    text = "# numpy\nscipy==1.0 \\\n  --hash=sha256:ab\n-c constraints.txt\nA.b[x]>1 ; python_version>'3'\n"
    text += "git+https://example.org/x.git\nlocal @ file:///x\n./folder\nlast"
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/requirements-dev.txt").write_text(text)
    (tmp_path / "constraints.txt").write_text("other==1\n")
    context = Context.from_folder(tmp_path, {"requirements.txt": b"own"})
    assert required_names(context) == ("scipy", "A.b", "local", "last")
