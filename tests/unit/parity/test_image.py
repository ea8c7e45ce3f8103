"""An image against the remote side: what it is known by, and what is no difference."""

from __future__ import annotations

import pytest
from parity.facts import codes, python, with_numpy
from parity.sides import manifest, snapshot

from fcx.parity.compare import compare
from fcx.records import replace


@pytest.mark.parametrize(("policy", "severity"), [("strict", "refuse"), ("minor", "warn")])
def test_packages_over_a_built_image(policy, severity):
    """The right build id with other packages: something lies over the image."""
    there = snapshot(distributions=with_numpy("1.26.4"))
    verdict = compare(policy, manifest=manifest(), remote=there)
    assert codes(verdict) == {"image-overlaid": severity}


@pytest.mark.parametrize("policy", ["strict", "minor"])
def test_adopted_image_is_known_by_its_content(policy):
    """Without a build id, an image whose packages changed is another image."""
    bare = {"image/build_id": None, "image/recipe_id": None}
    wanted = manifest(bare, origin="adopted")
    there = snapshot({**bare, "distributions": with_numpy("2.5.0")})
    assert compare(policy, manifest=wanted, remote=snapshot(bare)).passed
    verdict = compare(policy, manifest=wanted, remote=there)
    assert codes(verdict) == {"image-content": "refuse"}
    assert verdict.refusals[0].fix == ("fcx preflight --adopt fcx-image --edf edf/fcx-image.toml")


def test_the_image_has_another_python():
    """The manifest's Python at the manifest's path, and nothing else."""
    verdict = compare("minor", manifest=manifest(), remote=snapshot(python("3.11.9")))
    assert codes(verdict)["image-python"] == "refuse"


def test_an_interpreter_of_the_users_choice():
    """With `python=`, the manifest's interpreter is not asked for, but the chosen one is."""
    there = snapshot({"python/executable": "/opt/env/bin/python", "python/version": "3.11.9"})
    chosen = compare("minor", manifest=manifest(), remote=there, python="/opt/env/bin/python")
    assert "interpreter" not in codes(chosen)
    assert "image-python" not in codes(chosen)
    other = compare("minor", manifest=manifest(), remote=there, python="/opt/other/bin/python")
    assert codes(other)["interpreter"] == "refuse"


@pytest.mark.parametrize("found", ["f" * 64, None])
def test_a_file_that_was_tampered_with(found):
    """A digest that differs or is unknown is refused, under off reported."""
    hashes = {"EDF": ("e" * 64, found), "worker": ("d" * 64, "d" * 64)}
    for policy, passed in (("strict", False), ("minor", False), ("off", True)):
        verdict = compare(policy, manifest=manifest(), remote=snapshot(), hashes=hashes)
        assert verdict.passed is passed
        assert [one.what for one in verdict.differences] == ["EDF"]


def test_a_gpu_that_the_image_asks_for():
    """An image that wants NVIDIA's driver and a node without one: a warning."""
    asking = replace(manifest(), env={"NVIDIA_VISIBLE_DEVICES": "all"})
    assert codes(compare("minor", manifest=asking, remote=snapshot())) == {"no-gpu-driver": "warn"}
    with_driver = snapshot({"live/nvidia": "550.54.15"})
    assert compare("minor", manifest=asking, remote=with_driver).differences == ()


def test_variables_that_are_no_leak():
    """What the image, fcx, Slurm or the interpreter's own environment set is not reported."""
    env = {"LD_LIBRARY_PATH": "/usr/local/cuda/lib64"}
    wanted = replace(manifest(), env=env)
    there = snapshot(
        {
            "live/leaking_env": {
                **env,
                "PYTHONNOUSERSITE": "1",
                "OMP_NUM_THREADS": "8",
                "CONDA_PREFIX": "/usr/local",
                "CONDA_SHLVL": "1",
                "VIRTUAL_ENV": "/usr/local",
            }
        }
    )
    assert compare("strict", manifest=wanted, remote=there).differences == ()
