"""What tests of the executor's rooms share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two EDFs, and no fcx.toml: the one that the test is in."""
    for name in ("one", "two"):
        (tmp_path / f"{name}.toml").write_text(f'image = "{name}"\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path
