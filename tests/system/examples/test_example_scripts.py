"""The scripts of examples/ do on a cluster what they say; `fcx demo` runs simple.py elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from distributions import Virtual
from executors.deadline import WAIT
from PIL import Image
from places import EXAMPLES, REPOSITORY

from fcx.local import Environment

pytestmark = pytest.mark.slow

TORCH = "torch==2.13.0+cpu"  # that of the package index brings gigabytes for GPUs
BLUE = (31, 119, 180)  # tab:blue


def run(name: str, site: Environment, folder: Path, **variables: str) -> str:
    """What an example prints, started as somebody would who has copied it."""
    done = subprocess.run(
        [sys.executable, EXAMPLES / name],
        env={**os.environ, **site, "PYTHONPATH": str(REPOSITORY), **variables},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=2 * WAIT,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_nevergrad_finds_the_minimum(site, tmp_path):
    """Or comes near, with few evaluations."""
    said = run("optimize.py", site, tmp_path, FCX_BUDGET="40")
    found = re.fullmatch(r"After 40 evaluations the best is f\((.+), (.+)\) = (.+)\n", said)
    assert found, said
    x, y, value = map(float, found.groups())
    assert abs((1 - x) ** 2 + 100 * (y - x**2) ** 2 - value) < 0.5
    assert value < 50  # at a corner it is 2509


def test_the_sweep_draws_and_goes_on(site, tmp_path):
    """A picture with a curve; run again, it gets what is there and begins nothing."""
    first = run("sweep.py", site, tmp_path)
    assert len(re.findall(r"begun 1 time\(s\)", first)) == 20
    with Image.open(tmp_path / "sweep.png") as picture:
        assert picture.format == "PNG"
        assert picture.size == (900, 600)
        blue = sum(
            count for count, colour in picture.convert("RGB").getcolors(1 << 20) if colour == BLUE
        )
    assert blue > 500, "no curve"
    (tmp_path / "sweep.png").unlink()
    assert run("sweep.py", site, tmp_path) == first
    assert (tmp_path / "sweep.png").exists()


def test_scikit_learn_by_joblib(site, tmp_path):
    """The search's fits are tasks: their modules are asked for there."""
    said = run("learning.py", site, tmp_path)
    assert "Of 9 models the best has {'C': 10, 'gamma': 0.001}" in said
    assert float(re.findall(r"reads ([\d.]+)% of", said)[0]) > 95


@pytest.fixture(scope="module")
def torch(tmp_path_factory) -> Path:
    """A Python with PyTorch for CPUs, as an image of the cluster would have; the client has none."""
    python = Virtual.make(tmp_path_factory.mktemp("torch"))
    try:
        python.pip("install", "--no-compile", TORCH, "dill")
    except AssertionError as error:
        pytest.skip(f"pip has no {TORCH} here: {error}")
    return python.executable


@pytest.mark.lasts(60)
def test_pytorch_learns_on_several_ranks(slurm_firecrest, torch, tmp_path):
    """On a real Slurm; all end with the same weights, which no rank has from its own data alone."""
    (tmp_path / "fcx.toml").write_text(f'[executor]\npython = "{torch}"\n')
    said = run("distributed.py", slurm_firecrest, tmp_path)
    lines = re.findall(r"rank (\d): y = (\S+) x (\S+), loss", said)
    assert [rank for rank, *_ in lines] == ["0", "1"], said
    assert lines[0][1:] == lines[1][1:], "the ranks learned by themselves"
    assert [round(float(found), 1) for found in lines[0][1:]] == [3.0, -1.0]
