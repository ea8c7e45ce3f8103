"""A working_dir in which others may write: what they put there is never run, nor is anything sent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from executors.deadline import WAIT
from executors.fixtures import TIME

from fcx.errors import ConfigError, JobFailed
from fcx.jobscript import programs
from fcx.local.users import user_name

OTHER = 65534  # a user who is not us


@pytest.fixture
def shared(tmp_path):
    """A group's folder."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o2777)
    return folder


def plant(base: Path, *, owner: int | None = None):
    """Make the folder of somebody's runs before they do, with a program of one's own."""
    base.mkdir()
    base.chmod(0o777)
    start = base / f"{programs.name()}.sh"
    start.write_text(f"touch {base.parent}/it-ran\n")
    if owner is not None:
        os.chown(base, owner, owner)
        os.chown(start, owner, owner)


def ours(shared: Path) -> Path:
    return shared / f".fcx-{user_name()}"


@pytest.mark.parametrize("owner", [None, OTHER])
def test_the_client_refuses_what_is_not_ours_alone(make, shared, owner, site):
    """Before any job: it costs no more than a look."""
    if owner is not None and os.geteuid() != 0:
        pytest.skip("to make what belongs to another user takes root")
    plant(ours(shared), owner=owner)
    sent = len(site.submissions())
    with make(shared, [TIME]) as executor, pytest.raises(ConfigError, match="would run as you"):
        executor.submit(abs, -1).result(WAIT)
    assert len(site.submissions()) == sent
    assert not (shared / "it-ran").exists()


def test_the_client_refuses_a_link(make, shared):
    (shared / "real").mkdir(mode=0o700)
    ours(shared).symlink_to("real")
    with make(shared, [TIME]) as executor, pytest.raises(ConfigError, match="is a symbolic link"):
        executor.submit(abs, -1).result(WAIT)
    assert not list((shared / "real").iterdir())


@pytest.mark.slow
def test_the_job_refuses_what_has_taken_its_place_since(make, shared):
    """The client looked yesterday, and remembers that all was well."""
    with make(shared, [TIME]) as executor:
        assert executor.submit(abs, -1).result(WAIT) == 1
    assert ours(shared).stat().st_mode & 0o777 == 0o700
    ours(shared).rename(shared / "away")
    plant(ours(shared), owner=OTHER if os.geteuid() == 0 else None)
    with make(shared, [TIME]) as executor, pytest.raises(JobFailed, match="is not yours alone"):
        executor.submit(abs, -1).result(WAIT)
    assert not (shared / "it-ran").exists()
