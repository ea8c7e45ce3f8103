"""The pipelines that users copy: valid for their service, and sparing with secrets."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from pipelines import GITHUB, GITLAB, github, gitlab, secrets_in
from places import REPOSITORY

BIN = Path(sys.executable).parent
TAGS = 'rules: {unpinned-uses: {config: {policies: {"actions/*": ref-pin}}}}\n'
PIPELINES = {
    "vendor.github-workflows": [GITHUB, REPOSITORY / ".github/workflows/ci.yml"],
    "vendor.gitlab-ci": [GITLAB, REPOSITORY / ".gitlab-ci.yml"],
}


@pytest.mark.parametrize("schema", PIPELINES)
def test_they_keep_to_the_schema_of_their_service(schema: str):
    """That which check-jsonschema brings: ours, too."""
    command = [BIN / "check-jsonschema", "--builtin-schema", schema]
    command += ["--data-transform", "gitlab-ci"] if "gitlab" in schema else []
    done = subprocess.run(
        [*command, *PIPELINES[schema]], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_github_finds_nothing_risky(tmp_path: Path):
    """zizmor, which knows what goes wrong with workflows; GitHub's own actions may go by tags."""
    (tmp_path / "zizmor.yml").write_text(TAGS)
    command = [BIN / "zizmor", "--offline", "--no-progress", "--config", tmp_path / "zizmor.yml"]
    done = subprocess.run([*command, GITHUB], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "No findings" in done.stdout


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="no shellcheck here")
def test_their_shell_is_sound(tmp_path: Path):
    """Each step's commands, with bash as both services run them."""
    scripts = []
    for number, step in enumerate([*github(), *gitlab()]):
        scripts.append(tmp_path / f"{number}.sh")
        scripts[-1].write_text(f"#!/bin/bash\n# {step.name}\n{step.script}\n")
    done = subprocess.run(["shellcheck", *scripts], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_a_secret_is_given_to_single_steps():
    """Neither to the workflow nor to the job, nor written into a command."""
    content = yaml.safe_load(GITHUB.read_text())
    (job,) = content.pop("jobs").values()
    steps = job.pop("steps")
    assert not [*secrets_in(content), *secrets_in(job)]
    for step in steps:
        step.pop("env", None)
        assert not [*secrets_in(step)], step["name"]


def test_what_is_installed_built_and_tested_sees_none():
    """Only who pushes has the registry's, only who asks the cluster has the cluster's."""
    seeing = {
        step.name: sorted({word.rpartition(".")[2] for text in secrets_in(dict(step.env))
                           for word in text.strip("${} ").split() if "secrets." in word})
        for step in github()
    }  # fmt: skip
    assert {name: found for name, found in seeing.items() if found} == {
        "Look whether there are credentials": ["FIRECREST_CLIENT_ID", "REGISTRY_TOKEN"],
        "Push the image": ["REGISTRY_TOKEN", "REGISTRY_USER"],
        "Compare the image with the cluster": ["FIRECREST_CLIENT_ID", "FIRECREST_CLIENT_SECRET"],
    }
    jobs = yaml.safe_load(GITLAB.read_text())
    assert jobs["parity:cluster"]["environment"]["name"] == "cluster"
    assert "environment" not in jobs["parity:image"]


def test_without_credentials_the_cluster_is_left_alone():
    """As of a fork: neither is anything pushed."""
    known = {"steps.credentials.outputs.given": "false"}
    left_out = {step.name for step in github() if not step.wanted(known)}
    assert left_out == {
        "Push the image", "Write and check the EDF", "Compare the image with the cluster",
    }  # fmt: skip
    assert all(step.wanted({"steps.credentials.outputs.given": "true"}) for step in github())
    (rule,) = yaml.safe_load(GITLAB.read_text())["parity:cluster"]["rules"]
    assert "$FIRECREST_URL" in rule["if"]


def test_they_install_our_own_distribution():
    """On the index, `fcx` is somebody else's."""
    for steps in (github(), gitlab()):
        lines = [line for step in steps for line in step.script.splitlines() if " install " in line]
        assert lines
        assert all("pip install firecrest-fcx " in line for line in lines)
