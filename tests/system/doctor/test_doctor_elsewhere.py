"""The same beside a real engine, and in front of a real Slurm."""

from __future__ import annotations

import pytest
from cluster.engine import Engine
from doctor_cases import look_at

from fcx.doctor.check import State


def test_engine_and_builder_are_told(project, engine: Engine, monkeypatch: pytest.MonkeyPatch):
    """Which they are; and what a Dockerfile asks for that the builder lacks."""
    for name, value in engine.env.items():
        monkeypatch.setenv(name, value)
    project.write("containers/Dockerfile", "FROM a\nRUN <<EOF\ntrue\nEOF\n")
    monkeypatch.setenv("DOCKER_BUILDKIT", "0")
    found = look_at()
    assert found["engine"].found.said.startswith("Docker ")
    assert found["builder"].state is State.WARNING
    assert "heredoc" in " ".join(found["builder"].found.details)
    project.write("containers/Dockerfile", "FROM a\n")
    assert look_at()["builder"].state is State.FINE


def test_partitions_of_a_real_slurm(project, slurm_firecrest, monkeypatch):
    """With their nodes; one that is hidden is there, for jobs may name it."""
    for name, value in slurm_firecrest.items():
        monkeypatch.setenv(name, value)
    found = look_at(sbatch=["--nodes=3"])["partitions"]
    assert (found.state, "there are 2" in found.found.said) == (State.WRONG, True)
    assert all("2 nodes" in line for line in found.found.details)
    assert look_at(sbatch=["--partition=urgent"])["partitions"].state is State.FINE
