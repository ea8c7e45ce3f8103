"""File records: what is made here is what `ls` would have said."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from fcx.local.api.filesystem import listing
from fcx.local.api.filesystem.stale import Stale


def by_ls(*words: str) -> list[listing.Entry]:
    """The records that the real command gives."""
    done = subprocess.run(
        [*listing.LS, *words], env={**os.environ, "LC_ALL": "C"}, capture_output=True, check=True
    )
    return listing.parse(done.stdout.decode())


def test_a_folder_is_listed_as_ls_lists_it(tmp_path: Path):
    """Odd names, hidden ones, links, modes, and their order."""
    for name in ("a b", "ä", 'q"uote', "back\\slash", "new\nline", "-dash", ".hid", "Z", "tab\t"):
        (tmp_path / name).write_text("x" * len(name))
    (tmp_path / "dir").mkdir(mode=0o2775)
    (tmp_path / "link").symlink_to("to nowhere")
    (tmp_path / "run").touch(mode=0o4755)
    os.utime(tmp_path / "Z", (0, 0))
    os.mkfifo(tmp_path / "pipe")
    assert listing.folder(str(tmp_path), hidden=False) == by_ls("--", str(tmp_path))
    assert listing.folder(str(tmp_path), hidden=True) == by_ls("-A", "--", str(tmp_path))
    one = str(tmp_path / "a b")
    assert [listing.entry(one, one)] == by_ls("-d", "--", one)


def test_a_recursive_listing_names_its_folders(tmp_path: Path):
    """Relative to the one that was asked for."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c").touch()
    names = [entry["name"] for entry in by_ls("-R", "--", str(tmp_path))]
    assert names == ["a", "a/b", "a/b/c"]


@given(st.binary(min_size=1, max_size=12).filter(lambda name: not set(name) & set(b"/\0")))
def test_a_listed_name_is_ascii(name: bytes):
    """The API's text calls decode UTF-8, and C quoting leaves nothing to decode."""
    assert listing.as_listed(os.fsdecode(name)).isascii()


def test_a_stale_listing_shows_what_was(tmp_path: Path):
    """Nothing that is younger than the lag, then what was there when it was asked before."""
    stale = Stale()
    young = [{"name": "f", "lastModified": "2999-01-01T00:00:00"}]
    old = [{"name": "g", "lastModified": "1999-01-01T00:00:00"}]
    assert stale.seen("/p", young + old, lag=1000) == old
    assert stale.seen("/q", young, lag=0) == []
    assert stale.seen("/q", [], lag=0) == young
