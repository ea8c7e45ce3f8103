"""Pythons that an image's PATH does not lead to, and what is advised."""

from __future__ import annotations

import pytest
from exported import elf, export

from fcx.image.elsewhere import advice, other_pythons
from fcx.image.static import Reading
from fcx.image.tree import DEFAULT_PATH, Files

DILL = b"Name: dill\nVersion: 0.4.1\n"


def tree(entries: dict[str, bytes | str | int]) -> Files:
    """What is known of an exported file system."""
    return Files.from_tar(export(entries))


def python(prefix: str, version: str, *, dill: bool = True) -> dict[str, bytes | str | int]:
    """A Python below a folder."""
    minor = version.rpartition(".")[0]
    found: dict[str, bytes | str | int] = {
        f"{prefix}/bin/python{minor}": elf(62) + b"\0" + version.encode() + b"\0",
        f"{prefix}/bin/python3": f"python{minor}",
        f"{prefix}/bin/python": "python3",
    }
    if dill:
        site = f"{prefix}/lib/python{minor}/site-packages/dill-0.4.1.dist-info"
        found[f"{site}/METADATA"] = DILL
    return found


LAYOUTS = {
    "micromamba and conda": (
        python("opt/conda", "3.11.7"),
        "/opt/conda/bin/python",
        "/opt/conda/bin",
    ),
    "an environment of conda's": (
        {**python("opt/conda", "3.9.1", dill=False), **python("opt/conda/envs/x", "3.11.7")},
        "/opt/conda/envs/x/bin/python",
        "/opt/conda/envs/x/bin",
    ),
    "the cache of conda's packages": (
        {**python("opt/conda/pkgs/python-3.9", "3.9.1"), **python("opt/conda", "3.11.7")},
        "/opt/conda/bin/python",
        "/opt/conda/bin",
    ),
    "a project's own": (
        {
            **python("opt/python", "3.11.7", dill=False),
            "app/.venv/bin/python": "/opt/python/bin/python3.11",
            "app/.venv/bin/python3": "python",
            "app/.venv/lib/python3.11/site-packages/dill-0.4.1.dist-info/METADATA": DILL,
        },
        "/app/.venv/bin/python",
        "/app/.venv/bin",
    ),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_where_tools_put_it(name: str):
    """Found with its version and dill, and both ways to have it are said."""
    entries, path, folder = LAYOUTS[name]
    files = tree({"bin/sh": elf(62), **entries})
    found = other_pythons(files, DEFAULT_PATH)
    assert (found[0].path, found[0].version, found[0].dill) == (path, "3.11.7", "0.4.1")
    text = advice(found)
    assert f"Elsewhere in it: {path} (3.11.7, dill 0.4.1)" in text
    assert f"`ENV PATH={folder}:$PATH`" in text
    assert f'`python = "{path}"` below [image]' in text
    reading = Reading.from_files(files, DEFAULT_PATH, path)
    assert reading.python
    assert (reading.python.executable, reading.dill) == (path, "0.4.1")


def test_below_a_folder_of_root_s():
    """As uv does it, linked to or not: that one must move, and it comes last."""
    uv = "root/.local/share/uv/python/cpython-3.12.1-linux"
    entries = {"root": 0o700, **python(uv, "3.12.1")}
    linked = {"opt/x/bin/python": f"/{uv}/bin/python3.12"}
    found = other_pythons(tree({**entries, **linked}), DEFAULT_PATH)
    assert [one.closed for one in found] == ["/root", "/root"]
    assert "only its owner may enter /root" in advice(found)
    assert "UV_PYTHON_INSTALL_DIR=/opt/python" in advice(found)
    both = tree({**entries, **python("opt/py", "3.11.7", dill=False)})
    assert other_pythons(both, DEFAULT_PATH)[0].path == "/opt/py/bin/python"
    open_ = tree({**entries, "root": 0o755})
    assert other_pythons(open_, DEFAULT_PATH)[0].closed == ""


def test_nothing_is_said_where_there_is_none():
    """What PATH leads to is no other one; nor is what is no program."""
    entries = {**python("usr", "3.11.7"), "opt/bin/python3": b"#!/bin/sh\n", "bin": "usr/bin"}
    assert other_pythons(tree(entries), DEFAULT_PATH) == []
    assert advice([]) == ""
