"""The archive of a task's modules is the same for the same contents, and works elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys

from fcx.payload.archive import archive, archive_name
from fcx.payload.collect import shippable
from fcx.payload.shipped import needs_extraction


def test_archive_is_deterministic(project, tmp_path):
    """Times, order and place of the files do not matter; contents do."""
    folder = project({"pkg/__init__.py": "", "pkg/b.py": "1", "pkg/a.py": "2"})
    first = archive(shippable(["pkg"]))
    os.utime(folder / "pkg" / "a.py", (1, 1))
    assert archive(shippable(["pkg"])) == first
    (folder / "pkg" / "a.py").write_text("3")
    changed = archive(shippable(["pkg"]))
    assert changed != first
    assert archive_name(changed) != archive_name(first)
    assert archive_name(first).endswith(".zip")
    assert archive([]) == b""


def test_archive_works_elsewhere(project, tmp_path):
    """Another process imports packages, namespaces and modules out of the zip itself."""
    project(
        {
            "pkg/__init__.py": "",
            "pkg/a.py": "from .b import g\nimport space.deep.mod\ndef f(): return g()",
            "pkg/b.py": "import single\ndef g(): return single.X + 1",
            "single.py": "X = 41",
            "space/deep/mod.py": "",
        }
    )
    shipped = shippable(["pkg.a"])
    assert not needs_extraction(shipped)
    carried = tmp_path / "carried.zip"
    carried.write_bytes(archive(shipped))
    script = "import sys; sys.path.insert(0, sys.argv[1]); import pkg.a; print(pkg.a.f())"
    done = subprocess.run(
        [sys.executable, "-I", "-c", script, str(carried)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("42\n", "")
