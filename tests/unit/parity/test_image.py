"""An image against the remote side: what it is known by, and what is no difference."""

from __future__ import annotations

from typing import Any

import pytest
from parity.facts import codes, python, with_numpy
from parity.sides import manifest, snapshot

from fcx.parity.compare import compare
from fcx.parity.gate import Question
from fcx.parity.manifest import Manifest
from fcx.protocol.content import IMAGE_RECORD
from fcx.records import replace


@pytest.mark.parametrize(("policy", "severity"), [("strict", "refuse"), ("minor", "warn")])
def test_packages_over_a_built_image(policy, severity):
    """The right build id with other packages: something lies over the image."""
    there = snapshot(distributions=with_numpy("1.26.4"))
    verdict = compare(policy, manifest=manifest(), remote=there)
    assert codes(verdict) == {"image-overlaid": severity}


STDLIB = "/usr/local/lib/python3.11"
PACKAGES = f"{STDLIB}/site-packages"


def imported(packages: str = "p", contents: str | None = None, *mounts: str) -> dict[str, Any]:
    """A side whose packages have this digest, and another over each byte if it was asked for."""
    files = {STDLIB: "s", PACKAGES: packages, "/opt/own": "o"}
    whole = {STDLIB: "S", PACKAGES: contents, "/opt/own": "O"} if contents else {}
    return {"content": {"files": files, "contents": whole, "mounts": mounts}}


BUILT = imported("p", "P")


@pytest.mark.parametrize("policy", ["strict", "minor"])
@pytest.mark.parametrize("there", [imported("q"), imported("p", "Q")])
def test_other_files_under_the_right_build_id(policy, there):
    """A copied record, an image derived from ours, a step that gave something else: another image."""
    for same in (imported(), BUILT, {"content": None}):
        assert compare(policy, manifest=manifest(BUILT), remote=snapshot(same)).passed
    verdict = compare(policy, manifest=manifest(BUILT), remote=snapshot(there))
    assert codes(verdict) == {"image-changed": "refuse"}
    assert verdict.refusals[0].what == PACKAGES
    assert verdict.refusals[0].fix.startswith("fcx image build && fcx up && fcx preflight")


def test_of_an_interpreter_of_the_users_choice_no_files_are_known():
    """What it imports is not what the manifest has."""
    there = snapshot(imported("q"))
    verdict = compare("minor", manifest=manifest(BUILT), remote=there, python="/opt/other/python")
    assert "image-changed" not in codes(verdict)


@pytest.mark.parametrize("point", [f"{PACKAGES}/numpy", PACKAGES, "/usr/local"])
def test_a_mount_over_the_images_own_files(point):
    """It is named, and to take it away is the fix: neither a build nor a new EDF would change it."""
    there = imported("q", None, point)
    verdict = compare("minor", manifest=manifest(BUILT), remote=snapshot(there))
    assert codes(verdict) == {"image-overlaid": "warn"}
    assert f"take {point} out of mounts" in verdict.differences[0].fix
    beside = compare("minor", manifest=manifest(BUILT), remote=snapshot(imported("q", None, "/p")))
    assert codes(beside) == {"image-changed": "refuse"}


def test_a_path_of_the_image_that_the_edf_takes_away():
    """An EDF that unsets the image's own PYTHONPATH: its modules are not found."""
    wanted = replace(manifest(BUILT), env={"PYTHONPATH": "/opt/own"})
    there = imported()
    there["content"]["files"]["/opt/own"] = None
    verdict = compare("minor", manifest=wanted, remote=snapshot(there))
    assert codes(verdict) == {"image-changed": "refuse"}
    assert "take PYTHONPATH out of [env]" in verdict.differences[0].fix


def test_an_image_older_than_its_source_is_said_and_not_refused():
    """Whoever changed requirements.txt wonders otherwise why nothing is installed."""
    for policy in ("strict", "minor"):
        said = "containers as of the build"
        verdict = compare(policy, manifest=manifest(), remote=snapshot(), stale=said)
        assert codes(verdict) == {"image-stale": "warn"}
        assert "fcx image build" in verdict.differences[0].fix


def test_an_edf_that_was_written_for_another_build_is_said():
    """File names tie EDF and manifest, ids tell; what the remote side has decides."""
    for written, found in (("c" * 64, {"edf-stale": "warn"}), (manifest().build_id, {}), ("", {})):
        verdict = compare("minor", manifest=manifest(), remote=snapshot(), edf_build=written)
        assert codes(verdict) == found
    said = Question("minor", "s", manifest=manifest(), edf_build="c" * 64).outdated
    assert said == (
        f"build that the EDF is for: wanted {'b' * 12}, found {'c' * 12}. Fix: `fcx up`",
    )


def test_an_adopted_image_keeps_its_pythonpath():
    """It may have set it itself: an EDF that unsets it would take modules away."""
    there = snapshot({"live/leaking_env": {"PYTHONPATH": "/opt/own", "OMP_NUM_THREADS": "1"}})
    assert Manifest.adopt("theirs", there).env == {"PYTHONPATH": "/opt/own"}


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


@pytest.mark.parametrize("point", ["/etc/fcx", "/etc", "/etc/fcx/image.json"])
def test_a_mount_over_what_the_image_is_known_by(point):
    """No other build and no other EDF helps: the mount is to go."""
    wanted, there = imported(), imported("p", None, point)
    wanted["content"]["files"][IMAGE_RECORD] = "r"
    there["content"]["files"][IMAGE_RECORD] = None
    there["image"] = {}
    verdict = compare("minor", manifest=manifest(wanted), remote=snapshot(there))
    (refusal,) = verdict.refusals
    assert refusal.code == "build-id"
    assert f"take {point} out of mounts" in refusal.fix
    there["content"]["mounts"] = ()
    other = compare("minor", manifest=manifest(wanted), remote=snapshot(there))
    assert "fcx image build" in {each.code: each.fix for each in other.refusals}["build-id"]
