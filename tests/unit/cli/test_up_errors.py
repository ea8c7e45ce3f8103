"""`fcx up` where it cannot go on: the error names the step, and has that one's exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fcx.config import VARIABLES


@pytest.fixture
def nowhere(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Credentials of a server that nobody asks, and no engine."""
    for name in VARIABLES:
        monkeypatch.setenv(name, "http://127.0.0.1:9/" if "URL" in name else "daint")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{project}/nowhere")
    (project / "containers").mkdir()
    (project / "containers/Dockerfile").write_text("FROM a\n")
    return project


def test_without_an_engine_the_image_cannot_be_built(nowhere: Path, fcx):
    """It is to be: of what its manifest was built is not known."""
    code, out, err = fcx("up")
    assert (code, out) == (5, "")
    assert err.startswith("fcx: image: ")


def test_the_error_as_data(nowhere: Path, fcx):
    """With the step, and what was done before it."""
    code, out, _ = fcx("up", "--json")
    said = json.loads(out)
    assert (code, said["error"]["step"], said["error"]["exit_code"]) == (5, "image", 5)
    assert said["error"]["kind"] == "EngineUnavailable"


def test_a_failure_of_a_later_step_tells_the_earlier_ones(nowhere: Path, fcx):
    """An image that was adopted is neither built nor shipped; its EDF cannot be read."""
    path = nowhere / "edf/img.manifest.json"
    record = json.loads(path.read_text()) | {"origin": "adopted"}
    record.pop("seal")
    path.write_text(json.dumps(record | {"schema": 1}))
    (nowhere / "edf/img.toml").write_text("image = 1 = 2")
    code, out, _ = fcx("up", "--json")
    said = json.loads(out)
    assert (code, said["error"]["step"]) == (1, "preflight")
    assert [one["step"] for one in said["steps"]] == ["image", "ship", "edf"]
    assert not any(one["done"] for one in said["steps"])


def test_without_credentials_nothing_begins(project: Path, fcx, monkeypatch: pytest.MonkeyPatch):
    """All that are missing are named."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    code, _, err = fcx("up")
    assert code == 2
    assert "FIRECREST_CLIENT_ID" in err
