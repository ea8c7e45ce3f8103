"""A snapshot follows what agents have found since: versions, and what a version does not tell."""

from __future__ import annotations

import pytest
from parity.facts import codes
from parity.sides import laptop, snapshot

from fcx.parity.compare import before_queue, relied
from fcx.payload.requirements import GUARDED, Import, Requirements

YAML = {"yaml": {"pyyaml": "6.0"}}
NEEDS = Requirements(frozenset({"yaml"}), installed=YAML)
MAY = Requirements(imports=(Import("yaml", pardon=GUARDED),), installed=YAML)


def modules(*names: str, **providers: list[str]):
    """Of a side that knows whose its modules are."""
    return {"names": ["dill", *names], "stdlib_missing": [], "providers": providers}


CLIENT = laptop({"modules": modules("yaml", yaml=["pyyaml"])})


def place(version: str | None):
    """A remote side with PyYAML, or without."""
    facts = snapshot().distributions
    if version is None:
        return snapshot({"modules": modules(), "distributions": dict(facts)})
    known = modules("yaml", yaml=["pyyaml"])
    return snapshot({"modules": known, "distributions": {**facts, "pyyaml": version}})


def judged(remote, needs=NEEDS) -> list[str]:
    """What is refused, in codes."""
    return list(codes(before_queue(needs, remote, "minor", caller=CLIENT)))


@pytest.mark.parametrize("before", ["6.0", None])
def test_its_module_comes_back_with_it(before):
    """By the name that it has, be it one that the remote side or only the client has told."""
    remote = place(before)
    for _ in range(2):
        remote = remote.with_releases({"pyyaml": None}, CLIENT)
        assert judged(remote) == ["reference-missing"]
        remote = remote.with_releases({"pyyaml": "6.0.1"}, CLIENT)
        assert judged(remote) == []
        assert relied(NEEDS, remote, "minor") == {"pyyaml": "6.0.1"}


def test_a_module_before_its_distribution():
    """Refused with where it is; agents that find it as it has passed are content."""
    told = "6.0 but yaml of /home/me"
    remote = place("6.0").with_releases({"pyyaml": told}, CLIENT)
    verdict = before_queue(NEEDS, remote, "minor", caller=CLIENT)
    (found,) = verdict.refusals
    assert (found.code, found.found) == ("reference-shadowed", "yaml of /home/me")
    assert remote.distributions["pyyaml"] == "6.0"
    assert relied(NEEDS, remote, "minor") == {"pyyaml": told}
    assert judged(remote.with_releases({"pyyaml": "6.0"}, CLIENT)) == []


def test_a_module_that_is_gone_under_its_metadata():
    """It is to be installed again; an import that may fail does."""
    told = "6.0 but yaml of nowhere"
    remote = place("6.0").with_releases({"pyyaml": told}, CLIENT)
    verdict = before_queue(NEEDS, remote, "minor", caller=CLIENT)
    (found,) = verdict.refusals
    assert found.code == "reference-missing"
    assert found.found == "pyyaml 6.0 without it"
    assert judged(remote, MAY) == []
    assert relied(MAY, remote, "minor") == {"pyyaml": told}
    again = remote.with_releases({"pyyaml": "6.0"}, CLIENT)
    assert judged(again) == []
    other = place("6.0").with_releases({"pyyaml": "6.0 but _yaml of nowhere"}, CLIENT)
    assert judged(other) == []


def test_a_module_of_another_distribution_is_not_concerned():
    """Only what was told is changed."""
    remote = place("6.0").with_releases({"pyyaml": "6.0 but _yaml of /home/me"}, CLIENT)
    assert judged(remote) == []
    assert relied(NEEDS, remote, "minor") == {"pyyaml": "6.0 but _yaml of /home/me"}
