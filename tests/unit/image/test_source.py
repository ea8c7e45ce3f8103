"""Whether an image is older than what it is built of."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from parity.sides import manifest

from fcx.config import Settings
from fcx.image.context import Context
from fcx.image.plan import Plan
from fcx.image.request import Request
from fcx.image.source import SMALL, source_of, stale
from fcx.parity.manifest import Manifest
from fcx.records import replace


@pytest.fixture
def built(tmp_path: Path) -> Manifest:
    """The manifest of an image that has just been built of a project."""
    containers = tmp_path / "containers"
    containers.mkdir()
    (containers / "Dockerfile").write_text(
        "FROM a\n# fcx: its wheel\nCOPY requirements.txt .fc[x]/dist/* /opt/\n"
    )
    (containers / "requirements.txt").write_text("dill\n")
    plan = Plan.from_request(Request.from_settings(Settings(tmp_path)), tmp_path / "edf")
    return replace(manifest(), source=source_of(plan, tmp_path))


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("containers/requirements.txt", "dill\ntqdm\n", True),
        ("containers/Dockerfile", "FROM b\n", True),
        ("containers/new.py", "", True),
        ("containers/.fcx/x", "", False),
        ("containers/.fcx-me/20261127-run/x", "", False),
        ("edf/x.toml", "", False),
        ("script.py", "", False),
    ],
)
def test_what_was_changed_since_the_build_is_said(
    built: Manifest, tmp_path: Path, name: str, text: str, said: bool
):
    """What the image is made of, and nothing else; a time does not count."""
    assert stale(built, tmp_path) == ""
    (tmp_path / "containers/requirements.txt").touch()
    assert stale(built, tmp_path) == ""
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    assert bool(stale(built, tmp_path)) is said


def test_what_is_not_known_is_not_said(built: Manifest, tmp_path: Path):
    """An older fcx's manifest, an adopted one, a folder that has the EDF alone."""
    assert stale(None, tmp_path) == ""
    assert stale(replace(built, source=None), tmp_path) == ""
    assert stale(built, tmp_path / "elsewhere") == ""


def test_an_upgrade_of_fcx_makes_no_image_stale(
    built: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Its wheel goes into the image, and is no part of the project."""
    monkeypatch.setattr("fcx.image.plan.fcx_wheel", lambda: ("fcx-99.whl", b"newer"))
    plan = Plan.from_request(Request.from_settings(Settings(tmp_path)), tmp_path / "edf")
    assert source_of(plan, tmp_path) == built.source


def test_a_large_context_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, built: Manifest
):
    """And again where a file was touched, whatever time it says that it has."""
    large = tmp_path / "containers/large"
    large.write_bytes(b"a" * (SMALL + 1))
    plan = Plan.from_request(Request.from_settings(Settings(tmp_path)), tmp_path / "edf")
    noted = replace(built, source=source_of(plan, tmp_path))
    read: list[str] = []
    whole = Context.digest
    monkeypatch.setattr(Context, "digest", lambda self: (read.append(""), whole(self))[1])
    assert [stale(noted, tmp_path) for _ in range(3)] == [""] * 3
    assert len(read) == 1
    before = large.stat()
    large.write_bytes(b"b" * (SMALL + 1))
    os.utime(large, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert stale(noted, tmp_path)
    assert len(read) == 2
