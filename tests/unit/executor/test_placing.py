"""Where pilots run is noted without what says who somebody is."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from fcx.executor.placing import place_of
from fcx.parity.gate import Question


@pytest.mark.parametrize(
    ("image", "told"),
    [
        ("/capstor/scratch/cscs/jdoe/images/sim.sqsh", "sim.sqsh"),
        ("$SCRATCH/jdoe/sim.sqsh", "sim.sqsh"),
        ("registry.example/team/sim:1", "registry.example/team/sim:1"),
        ("jdoe@registry.example#team/sim:1", "registry.example#team/sim:1"),
        ("team/sim@sha256:" + "d" * 64, "team/sim@sha256:" + "d" * 64),
    ],
)
def test_of_an_image_the_name_is_noted_and_neither_folder_nor_user(image, told):
    environment = SimpleNamespace(name="sim.toml", digest="e" * 64, image=image)
    question = Question("off", "daint", python="/users/jdoe/venv/bin/python")
    gate = SimpleNamespace(question=question, judgement=None)
    kit = SimpleNamespace(gate=gate, settings=SimpleNamespace(environment=environment))
    place = place_of(kit)
    assert place["image"] == told
    assert "jdoe" not in str(place)
