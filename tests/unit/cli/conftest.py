"""The command line as a function, and a project to call it in."""

from __future__ import annotations

import sys

import pytest
from sample import MANIFEST

from fcx.cli import main


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with fcx.toml and a manifest, as `fcx image build` leaves it."""
    (tmp_path / "fcx.toml").write_text(
        '[image]\nname = "img"\nsite = "daint"\n[executor]\nworking_dir = "/capstor/me/work"\n'
    )
    (tmp_path / "edf").mkdir()
    (tmp_path / "edf" / "img.manifest.json").write_text(MANIFEST.to_json())
    for name in ("FIRECREST_SYSTEM", "EDF_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def fcx(capsys, monkeypatch):
    """Run a command line; its exit code, standard output and standard error."""

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["fcx", *map(str, words)])
        with pytest.raises(SystemExit) as caught:
            main()
        code = caught.value.code
        return (code if isinstance(code, int) else 0, *capsys.readouterr())

    return run
