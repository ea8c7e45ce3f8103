"""Files written whole, and where manifests, EDFs and state lie."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest

from fcx.errors import UsageError
from fcx.files import (
    edf_path,
    generated_edf,
    kept,
    manifest_of_edf,
    manifest_path,
    plain_name,
    project_root,
    remove_partials,
    replacing,
    state_folder,
    write_whole,
)


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("img", "img"),
        ("team/img", "img"),
        ("a/b/img", "img"),
        ("img:1.0", "img"),
        ("team/img:1.0-rc", "img"),
        ("registry.example.org/team/img", "img"),
        ("localhost:5000/img", "img"),
        ("registry.example.org:5000/team/img:1.0", "img"),
        ("registry.example.org#team/img:1.0", "img"),
        ("registry.example.org#img", "img"),
        ("team/img@sha256:0123", "img"),
        ("localhost:5000/team/img:1@sha256:0123", "img"),
        ("Theirs", "Theirs"),
        ("Team/My.Image_2:V1", "My.Image_2"),
    ],
)
def test_every_way_to_name_an_image_leads_to_the_same_files(tmp_path: Path, image: str, name: str):
    """Slashes, tags, digests, registries and ports are no part of a file's name; case is."""
    assert plain_name(image) == name
    assert manifest_path(image, tmp_path) == tmp_path / f"{name}.manifest.json"
    assert edf_path(image, tmp_path) == tmp_path / f"{name}.toml"
    manifest_path(image, tmp_path).touch()
    assert manifest_of_edf(edf_path(image, tmp_path)) == manifest_path(image, tmp_path)
    own = generated_edf(edf_path(image, tmp_path))
    assert own == tmp_path / f"{name}-generated.toml"
    assert manifest_of_edf(own) == manifest_path(image, tmp_path)
    own.with_name(f"{name}-generated.manifest.json").touch()
    assert manifest_of_edf(own) == own.with_name(f"{name}-generated.manifest.json")


@pytest.mark.parametrize("image", ["", "team/", ":1.0", "team/@sha256:0123"])
def test_a_name_without_an_image_in_it_is_refused(image: str):
    """Rather than to keep a file without a name."""
    with pytest.raises(UsageError, match="names no image"):
        plain_name(image)


@pytest.mark.parametrize("edf", ["x.toml", "x", "sub/x.toml", "", ".", "/"])
def test_an_edf_without_a_manifest_beside_it_has_none(edf: str, tmp_path: Path, monkeypatch):
    """Also where the EDF has no file, or is a folder."""
    monkeypatch.chdir(tmp_path)
    assert manifest_of_edf(edf) is None


def test_the_projects_folder_is_the_nearest_with_settings(tmp_path: Path, monkeypatch):
    """Without any, it is the one that was asked about."""
    inner = tmp_path / "a/b/c"
    inner.mkdir(parents=True)
    assert project_root(inner) == inner
    (tmp_path / "a/fcx.toml").touch()
    assert project_root(inner) == tmp_path / "a"
    monkeypatch.chdir(inner)
    assert project_root() == tmp_path / "a"


def test_state_can_be_moved(tmp_path: Path, monkeypatch):
    """By a variable; else it is where this system keeps state."""
    monkeypatch.setenv("FCX_STATE_DIR", str(tmp_path))
    assert state_folder() == tmp_path
    monkeypatch.delenv("FCX_STATE_DIR")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    assert state_folder().name == "fcx"


def test_a_file_is_written_with_its_folders_and_the_umasks_rights(tmp_path: Path):
    """Text as UTF-8, bytes as they are; nothing else is left in the folder."""
    path = tmp_path / "new/folder/x"
    before = os.umask(0o027)
    try:
        write_whole(path, "é\n")
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        assert path.read_bytes() == b"\xc3\xa9\n"
        write_whole(path, b"\xff", mode=0o600)
    finally:
        os.umask(before)
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"\xff", 0o600)
    assert list(path.parent.iterdir()) == [path]


def test_what_fails_half_way_leaves_the_old_file_and_no_other(tmp_path: Path):
    """Whoever reads meanwhile sees the old content whole."""
    path = tmp_path / "x"
    write_whole(path, "old")

    def half() -> None:
        with replacing(path) as partial:
            partial.write_text("ne")
            assert path.read_text() == "old"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_is_told_with_its_path(tmp_path: Path):
    """A file in the place of a folder, a folder in the place of the file."""
    (tmp_path / "file").touch()
    (tmp_path / "folder/x").mkdir(parents=True)
    for path in (tmp_path / "file/x", tmp_path / "folder"):
        with pytest.raises(UsageError, match=f"{path} cannot be written: .*rights"):
            write_whole(path, "x")
    assert not list(tmp_path.glob(".*"))


class TestKept:
    """What takes a while to make is made once on a machine."""

    KEY, OTHER = "1" * 64, "2" * 64

    @pytest.fixture
    def path(self, tmp_path, monkeypatch):
        """The file."""
        monkeypatch.setenv("FCX_STATE_DIR", str(tmp_path / "state"))
        return tmp_path / "state" / "made"

    def made(self, key, content=b"content\n\0"):
        """What comes, and whether it had to be made."""
        calls = []
        found = kept("made", key, lambda: calls.append(1) or content)
        assert found == content
        return bool(calls)

    def test_once_for_a_key(self, path):
        """Of another key it is another thing, which takes its place."""
        assert [self.made(key) for key in (self.KEY, self.KEY, self.OTHER, self.KEY)] == [
            True,
            False,
            True,
            True,
        ]
        assert path.stat().st_mode & 0o077 == 0

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda path: path.write_bytes(path.read_bytes()[:-1]),
            lambda path: path.write_bytes(path.read_bytes() + b"more"),
            lambda path: path.write_bytes(b""),
            lambda path: path.chmod(0o666),
            lambda path: path.unlink(),
        ],
    )
    def test_what_is_damaged_or_open_to_others_is_made_anew(self, path, spoil):
        """It is a program that will be run."""
        self.made(self.KEY)
        spoil(path)
        assert self.made(self.KEY)
        assert not self.made(self.KEY)

    def test_where_nothing_can_be_kept(self, path):
        """It is made each time."""
        path.parent.write_text("no folder")
        assert self.made(self.KEY)
        assert self.made(self.KEY)


def test_what_killed_processes_left_of_a_file_is_removed_after_a_day(tmp_path: Path):
    """Of this file alone, and what may still be written to stays."""
    names = {
        ".a[1].sqsh.0123abcd.tmp": 0,
        ".a[1].sqsh.0123abce.tmp": 1,
        ".ab.sqsh.0123abcd.tmp": 1,
        ".a1.sqsh.0123abcd.tmp": 1,
        ".a[1].sqsh.mine.tmp": 1,
        "a[1].sqsh": 1,
    }
    for name, days in names.items():
        (tmp_path / name).touch()
        then = time.time() - days * 86400 - 60
        os.utime(tmp_path / name, (then, then))
    remove_partials(tmp_path / "a[1].sqsh")
    assert {path.name for path in tmp_path.iterdir()} == names.keys() - {".a[1].sqsh.0123abce.tmp"}
    remove_partials(tmp_path / "nowhere/x")
