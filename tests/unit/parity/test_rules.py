"""What fcx.toml says of single packages and modules comes before the comparison."""

from __future__ import annotations

import pytest
from parity.facts import BY_REFERENCE, DISTRIBUTIONS, codes, with_numpy
from parity.sides import laptop, snapshot

from fcx.config import ParitySettings
from fcx.errors import ConfigError
from fcx.parity.compare import before_queue, compare
from fcx.payload.requirements import Import, Requirements


@pytest.mark.parametrize(
    ("specifier", "there", "passes"),
    [
        (">=2.1,<3", "2.3.6", True),
        ("", "1.0", True),
        ("", "not a version", False),
        (">=2.1,<3", "3.0", False),
        (">=2.1,<3", None, False),
        ("==2.4.*", "2.4.0rc1", True),
        ("~=2.4", "2.9+local", True),
    ],
)
@pytest.mark.parametrize("policy", ["strict", "minor"])
def test_a_rule_replaces_the_comparison(policy, specifier, there, passes):
    """A specifier decides alone, for the list as for a module by reference."""
    rules = ParitySettings(packages={"NumPy": specifier})
    place = snapshot(distributions=with_numpy(there))
    verdict = compare(
        policy, caller=snapshot(), remote=place, rules=rules, requirements=BY_REFERENCE
    )
    refused = {one.code for one in verdict.refusals} - {"reference-unknown"}
    assert refused == (set() if passes else {"package-rule"})
    if there:
        early = before_queue(BY_REFERENCE, place, policy, rules)
        assert early.passed is passes


def test_a_rule_may_widen_dill():
    """Equal dill is wanted, unless a rule says which versions will do."""
    rules = ParitySettings(packages={"dill": ">=0.3.6"})
    there = snapshot(dill="0.3.8", distributions={**DISTRIBUTIONS, "dill": "0.3.8"})
    assert compare("minor", caller=laptop(), remote=there, rules=rules).passed


def test_a_rule_that_is_none():
    """What is not a specifier is an error that shows how one is written."""
    rules = ParitySettings(packages={"numpy": "latest"})
    with pytest.raises(ConfigError, match=r"numpy = 'latest'.*PEP 440.*>=2.1"):
        compare("minor", remote=snapshot(), rules=rules)


def test_assume():
    """A module or a distribution that is assumed is never refused."""
    place = snapshot(distributions=with_numpy(None), modules={"names": [], "stdlib_missing": []})
    call = Requirements(
        frozenset({"cv2"}),
        (Import("site_lib", function="f"),),
        {"cv2": {"opencv-python": "4.10"}, "site_lib": {}},
    )
    rules = ParitySettings(assume=("opencv_python", "site_lib", "numpy"))
    assert before_queue(call, place, "strict", rules).differences == ()
    assert not before_queue(call, place, "minor").passed
    whole = compare("strict", caller=snapshot(), remote=place, rules=rules)
    assert codes(whole) == {"assumed": "info"}


def test_unknown_policy():
    """A misspelt policy is an error, not a lax one."""
    with pytest.raises(ConfigError, match="strict, minor, off"):
        compare("minnor", remote=snapshot())
