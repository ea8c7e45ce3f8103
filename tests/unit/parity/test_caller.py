"""The interpreter that calls submit against the remote side, under each policy."""

from __future__ import annotations

import pytest
from parity.facts import BY_REFERENCE, DISTRIBUTIONS, codes, python, with_numpy
from parity.sides import RECIPE, laptop, manifest, snapshot

from fcx.parity.compare import compare
from fcx.parity.verdict import Verdict
from fcx.payload.requirements import Requirements
from fcx.records import replace


def test_strict_means_inside_the_image():
    """A caller outside is refused under strict alone, and told how to run inside."""
    strict = compare("strict", manifest=manifest(), caller=laptop(), remote=snapshot())
    assert codes(strict) == {"not-inside-image": "refuse"}
    assert strict.refusals[0].fix == "fcx image run YOUR_SCRIPT.py"
    assert compare("minor", manifest=manifest(), caller=laptop(), remote=snapshot()).passed


def test_unknown_is_not_equal():
    """Two sides that both lack a build id are not in the same image."""
    bare = {"image/build_id": None, "image/recipe_id": None}
    verdict = compare("strict", caller=laptop(), remote=snapshot(bare))
    assert "not-inside-image" in codes(verdict)


def test_inside_the_image_for_another_platform():
    """Platforms differ: the recipe id decides, and packages of one platform only are no bar."""
    arm = {"arch/elf": "aarch64", "arch/machine": "aarch64", "image/build_id": "c" * 64}
    there = snapshot({**arm, "distributions": {**DISTRIBUTIONS, "nvidia-nccl": "2.27"}})
    same_recipe = compare("strict", manifest=manifest(arm), caller=snapshot(), remote=there)
    assert "not-inside-image" not in codes(same_recipe)
    assert codes(same_recipe)["package-platform"] == "warn"
    other = compare("strict", caller=snapshot({"image/recipe_id": "9" * 64}), remote=there)
    assert codes(other)["not-inside-image"] == "refuse"
    assert RECIPE[:12] in other.text()


def test_no_caller_no_comparison():
    """An image alone can be compared with the remote side."""
    assert compare("strict", manifest=manifest(), remote=snapshot()).differences == ()


def test_a_manifest_can_be_the_remote_side():
    """Before there is a cluster, the interpreter is compared with the image's manifest."""
    image = manifest()
    assert compare("minor", caller=laptop(), remote=image).passed
    verdict = compare("minor", caller=laptop(python("3.12.1")), remote=image)
    assert codes(verdict)["python-minor"] == "refuse"


@pytest.mark.parametrize(
    ("tool", "command"),
    [
        ("pip", "/home/ada/.venv/bin/python -m pip install numpy==2.3.6"),
        ("uv", "uv pip install --python /home/ada/.venv/bin/python numpy==2.3.6"),
        ("conda", "conda install --prefix /home/ada/.venv numpy=2.3.6"),
    ],
)
def test_fixes_in_the_callers_tool(tool, command):
    """The command is the one of the tool that made the caller's environment."""
    here = laptop({"live/tool": tool})
    there = snapshot(distributions=with_numpy("2.3.6"))
    verdict = compare("minor", caller=here, remote=there, requirements=BY_REFERENCE)
    assert [one.fix for one in verdict.refusals] == [command]


@pytest.mark.parametrize(
    ("tool", "first", "last"),
    [
        ("pip", "", " && . .venv-3.12/bin/activate"),
        ("uv", "", " && . .venv-3.12/bin/activate"),
        (
            "conda",
            "conda create --yes --prefix ./.venv-3.12 python=3.12.1 pip && ",
            " && conda activate ./.venv-3.12",
        ),
    ],
)
def test_the_client_follows_another_python(tool, first, last):
    """In an environment of its own, whatever made the caller's: the image, or what was seen."""
    here = laptop({"live/tool": tool})
    bare = {"image/build_id": None, "image/recipe_id": None}
    there = snapshot({**bare, **python("3.12.1")})
    verdict = compare("minor", caller=here, remote=there)
    sync = "fcx env sync --venv .venv-3.12"
    assert verdict.refusals[0].fix == f"{first}{sync} --remote{last}"
    image = manifest(python("3.12.1"))
    built = compare("minor", caller=here, remote=snapshot(python("3.12.1")), manifest=image)
    assert built.refusals[0].fix == f"{first}{sync} --remote{last}"
    told = compare("minor", caller=here, remote=image)  # nothing was asked of the cluster yet
    assert told.refusals[0].fix == f"{first}{sync} --name fcx-image{last}"


def test_several_things_of_the_client_have_one_command():
    """Beside the fix of each; one thing alone has its own, and strict means inside the image."""
    needs = Requirements(
        frozenset({"numpy", "pandas"}),
        installed={"numpy": {"numpy": "2.4.6"}, "pandas": {"pandas": "3.1.1"}},
    )
    two = snapshot({"dill": "0.4.0"}, distributions={**with_numpy("2.3.6"), "pandas": "3.1.1"})
    image = replace(manifest({"dill": "0.4.0"}), distributions=two.distributions)
    for remote, source in ((two, "--remote"), (image, "--name fcx-image")):
        verdict = compare("minor", caller=laptop(), remote=remote, requirements=needs)
        assert verdict.follow == f"fcx env sync --venv /home/ada/.venv {source}"
        assert verdict.text().endswith(f"client at once: {verdict.follow}")
        assert Verdict.from_json(verdict.to_json()) == verdict
    one = snapshot(distributions={**with_numpy("2.3.6"), "pandas": "3.1.1"})
    assert compare("minor", caller=laptop(), remote=one, requirements=needs).follow == ""
    assert compare("strict", caller=laptop(), remote=two, requirements=needs).follow == ""
    apart = laptop({"python/base_prefix": "/home/ada/.venv"})
    wider = compare("minor", caller=apart, remote=two, requirements=needs)
    assert wider.follow == "fcx env sync --venv .venv-3.11 --remote && . .venv-3.11/bin/activate"
