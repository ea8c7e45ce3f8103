"""The entry of the gallery for arm64 nodes: built under emulation, on a stand-in for NGC's PyTorch."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cluster.emulation import handlers, missing_emulation, registered
from cluster.engine import Engine
from cluster.foreign import missing_foreign
from cluster.inside import in_image
from cluster.project import Project
from gallery.ngc import VARIABLES, stand_in
from places import REPOSITORY

from fcx.edf.read import read
from fcx.protocol import probe

pytestmark = pytest.mark.docker


@pytest.mark.lasts(90)
def test_pytorch_of_ngc(tmp_path: Path, engine: Engine):
    """By its two commands; the base's torch stays; its EDF says all that is written."""
    lack = missing_foreign() or missing_emulation()
    if lack:
        pytest.skip(lack)
    base = stand_in(engine)
    project = Project(tmp_path / "project", dict(engine.env))
    shutil.copytree(REPOSITORY / "containers/ngc-pytorch", project.root / "containers/ngc-pytorch")
    command = ["containers/ngc-pytorch", "--tag", "fcx-ngc-pytorch", "--platform", "linux/arm64"]
    with handlers() as folder, registered(folder):
        built = project.build(*command)
        code = "import dill, torch, tqdm; print(torch.__version__, dill.__version__)"
        said = in_image(engine, built["tag"], "-c", code, user="65534").split()
    dill = probe.snapshot()["dill"]
    assert said == ["2.8.0a0", dill]
    assert (built["architecture"], built["machine"], built["base_image"]) == (
        "arm64", "aarch64", base,
    )  # fmt: skip
    assert (built["filled"], built["distributions"]["torch"]) == ({"DILL_VERSION": dill}, "2.8.0a0")
    assert all("Python: wanted" in text for text in built["warnings"])
    assert VARIABLES.items() <= built["env"].items()
    project.env["FIRECREST_SYSTEM"] = "daint"
    project.fcx("edf", "write", "--manifest", "edf/fcx-ngc-pytorch.manifest.json")
    written = read(project.root / "edf/fcx-ngc-pytorch-generated.toml").env
    kept = read(REPOSITORY / "edf/ngc-pytorch.toml").env
    assert {name: kept.get(name) for name in written} == dict(written)
