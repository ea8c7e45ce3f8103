"""Modules and the initializer: whole, or not there yet."""

from __future__ import annotations

import contextlib
import io
import os
import random
import shutil
import zipfile

import pytest

from fcx.protocol import layout
from fcx.remote.supplies import Supplies

DATA = random.Random(1).randbytes(layout.LARGEST_FILE + 5)


@pytest.fixture
def supplies(tmp_path):
    (tmp_path / "modules").mkdir()
    return Supplies(str(tmp_path), "7.0.0")


def send(folder, name, data, without=()):
    for file, piece in layout.split(name, data):
        if file not in without:
            (folder / file).write_bytes(piece)


def zipped(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("m/__init__.py", "x = 1\n")


def test_an_archive_is_imported_from_as_it_is(supplies, tmp_path):
    """Its path goes to sys.path."""
    zipped(tmp_path / "modules" / "d.zip")
    assert supplies.module("d.zip") == str(tmp_path / "modules" / "d.zip")


def test_one_that_must_lie_unpacked_is_unpacked_once(supplies, tmp_path):
    """Extensions cannot be imported from a zip."""
    zipped(tmp_path / "modules" / "d.x.zip")
    folder = supplies.module("d.x.zip")
    assert folder == str(tmp_path / "modules" / "d")
    assert (tmp_path / "modules" / "d" / "m" / "__init__.py").read_text() == "x = 1\n"
    assert Supplies(str(tmp_path), "8.0.0").module("d.x.zip") == folder
    assert sorted(p.name for p in (tmp_path / "modules").iterdir()) == ["d", "d.x.zip"]


def test_who_takes_the_name_of_the_folder_does_not_take_its_modules(tmp_path):
    """It is held open: the path is that of the folder itself, whatever it is called by now."""
    base = tmp_path / "base"
    (base / "run" / "modules").mkdir(parents=True)
    zipped(base / "run" / "modules" / "d.zip")
    held = os.open(base, os.O_RDONLY)
    try:
        base.rename(tmp_path / "away")
        (base / "run" / "modules").mkdir(parents=True)
        (base / "run" / "modules" / "d.zip").write_bytes(b"somebody else's")
        found = Supplies(f"/proc/self/fd/{held}/run", "7.0.0").module("d.zip")
    finally:
        os.close(held)
    assert found == str(tmp_path / "away" / "run" / "modules" / "d.zip")


def test_a_large_one_is_joined(supplies, tmp_path):
    """From the parts it travelled in."""
    send(tmp_path / "modules", "d.zip", DATA)
    with open(supplies.module("d.zip"), "rb") as file:
        assert file.read() == DATA


@pytest.mark.parametrize("missing", ["d.zip.0", "d.zip.1", "d.zip.parts"])
def test_one_that_is_late_is_not_there_yet(supplies, tmp_path, missing):
    """OSError; then it comes."""
    send(tmp_path / "modules", "d.zip", DATA, without=[missing])
    with pytest.raises(OSError):
        supplies.module("d.zip")
    send(tmp_path / "modules", "d.zip", DATA)
    assert supplies.module("d.zip")


def test_one_that_is_damaged_is_not_taken(supplies, tmp_path):
    """ValueError; nothing under its name."""
    send(tmp_path / "modules", "d.zip", DATA)
    (tmp_path / "modules" / "d.zip.1").write_bytes(b"\0\0\0\0\0")
    with pytest.raises(ValueError, match="not the file"):
        supplies.module("d.zip")
    assert not (tmp_path / "modules" / "d.zip").exists()
    (tmp_path / "modules" / "e.x.zip").write_bytes(b"half of it")
    with pytest.raises(ValueError, match=r"e\.x\.zip"):
        supplies.module("e.x.zip")


def test_an_archive_with_any_byte_wrong(supplies, tmp_path):
    """zipfile has errors of a dozen kinds: here it is one."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("m.py", "x = 1\n" * 9)
    good = made.getvalue()
    for at in range(len(good)):
        for byte in 0, 1, 0xFF:
            (tmp_path / "modules" / "m.x.zip").write_bytes(
                good[:at] + bytes([byte]) + good[at + 1 :]
            )
            shutil.rmtree(tmp_path / "modules" / "m", ignore_errors=True)
            with contextlib.suppress(ValueError, OSError):
                supplies.module("m.x.zip")


@pytest.mark.parametrize("name", ["../d.zip", "/etc/passwd", "a/b"])
def test_names_stay_in_their_folder(supplies, name):
    """Whoever gave them."""
    with pytest.raises(ValueError, match="no name"):
        supplies.module(name)


def test_the_initializer_may_be_none(supplies, tmp_path):
    """Or come in parts, too."""
    assert supplies.initializer() == b""
    send(tmp_path, "initializer", DATA)
    assert supplies.initializer() == DATA
