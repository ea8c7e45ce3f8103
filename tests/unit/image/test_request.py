"""What can be asked of a build, and under which names."""

from __future__ import annotations

from pathlib import Path

import pytest

from fcx.config import Settings
from fcx.errors import UsageError
from fcx.files import manifest_path
from fcx.image.request import Request


@pytest.mark.parametrize(
    ("given", "name", "tag", "file"),
    [
        ("img", "img", "", "img"),
        ("img:1.0", "img", "1.0", "img"),
        ("team/img", "team/img", "", "img"),
        ("team/my-img:v1", "team/my-img", "v1", "my-img"),
        ("registry.example.org/team/img", "registry.example.org/team/img", "", "img"),
        ("localhost:5000/img", "localhost:5000/img", "", "img"),
        ("registry.example.org:5000/a/img:V1", "registry.example.org:5000/a/img", "V1", "img"),
    ],
)
def test_names_are_taken_apart(tmp_path: Path, given: str, name: str, tag: str, file: str):
    """A registry's port begins no tag; the manifest is called by the last part."""
    request = Request.from_settings(Settings(tmp_path), tag=given)
    assert (request.name, request.tag) == (name, tag)
    assert manifest_path(request.name, tmp_path) == tmp_path / f"{file}.manifest.json"
    assert manifest_path(given, tmp_path) == manifest_path(request.name, tmp_path)


@pytest.mark.parametrize(
    "given",
    [
        "Img",
        "team/Img",
        "a b",
        "img:",
        "img:a b",
        "/img",
        "team/",
        "a//b",
        "x:y:z",
        "-img",
        "img@sha",
    ],
)
def test_what_no_engine_would_take_for_a_name_is_refused(tmp_path: Path, given: str):
    """Before anything is read or built."""
    with pytest.raises(UsageError, match="cannot name an image"):
        Request.from_settings(Settings(tmp_path), tag=given)


@pytest.mark.parametrize(
    ("given", "platform"),
    [
        ("", ""),
        ("arm64", "linux/arm64"),
        ("aarch64", "linux/arm64"),
        ("linux/arm64/v8", "linux/arm64"),
        ("Linux/x86_64", "linux/amd64"),
    ],
)
def test_platforms_are_spelt_as_engines_spell_them(tmp_path: Path, given: str, platform: str):
    """Whatever word the user has for a processor."""
    assert Request.from_settings(Settings(tmp_path), platform=given).platform == platform


@pytest.mark.parametrize("given", ["windows/amd64", "linux/", "linux/a b", "a/b/c"])
def test_what_is_no_platform_is_refused(tmp_path: Path, given: str):
    """With two that are."""
    with pytest.raises(UsageError, match="linux/amd64 or linux/arm64"):
        Request.from_settings(Settings(tmp_path), platform=given)
