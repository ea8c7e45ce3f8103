"""A project whose image was built just now, as its files say."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest
from parity.sides import manifest

from fcx.config import Credentials, Settings
from fcx.image.plan import Plan
from fcx.image.progress import Silent
from fcx.image.request import Request
from fcx.image.source import source_of
from fcx.parity.manifest import Manifest
from fcx.records import replace
from fcx.steps.project import Project

CREDENTIALS = Credentials(
    "id", "secret", "https://idp.example.org/token", "https://api.example.org/v2", "santis", "acc"
)


def noted(project: Project, made: Manifest) -> Manifest:
    """Leave a manifest where `fcx image build` would."""
    project.manifest_path.parent.mkdir(exist_ok=True)
    project.manifest_path.write_text(made.to_json())
    return made


def quiet() -> AbstractContextManager[Silent]:
    """Shows nothing of what goes on."""
    return nullcontext(Silent())


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Nobody's engine, and nobody's server: what a step looks at is here."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nowhere")
    monkeypatch.setenv("FIRECREST_SYSTEM", CREDENTIALS.system)
    monkeypatch.delenv("EDF_PATH", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "containers").mkdir()
    (tmp_path / "containers/Dockerfile").write_text("FROM a\nARG A=1\n")
    (tmp_path / "fcx.toml").write_text("[executor]\nworking_dir = '/scratch/me'\n")
    made = Project(Settings.load(tmp_path), CREDENTIALS)
    request = Request.from_settings(made.settings)
    source = source_of(Plan.from_request(request, tmp_path / "edf"), tmp_path)
    built = replace(manifest(), name="fcx-image", architecture="arm64", source=source)
    noted(made, built)
    return made
