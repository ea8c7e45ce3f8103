"""The rules of faults: how often, how likely, and the same again with the same seed."""

from __future__ import annotations

import pytest

from fcx.local.faults import Faults, parse, split


def test_counted_faults_hit_as_often_as_asked():
    """A number is a number of times, True is for ever, other kinds are left alone."""
    faults = Faults()
    faults.set("submit", {"ghost": 2})
    faults.set("ls", {"drop": True})
    assert [bool(faults.draw("submit")) for _ in range(3)] == [True, True, False]
    assert all(faults.draw("ls") for _ in range(5))
    assert faults.draw("stat") == {}


def test_valued_faults_stay_until_they_are_lifted():
    """For all kinds with `*`, and for so many times where that is said."""
    faults = Faults()
    faults.set("*", {"latency": 0.5})
    faults.set("ls", {"status": 503}, times=1)
    assert faults.draw("ls") == {"latency": 0.5, "status": 503}
    assert faults.draw("ls") == {"latency": 0.5}
    faults.clear("*")
    assert faults.draw("ls") == {}
    assert [one["kind"] for one in faults.injected] == ["ls", "ls"]


def test_chance_repeats_with_its_seed():
    """A run can be done again, fault for fault."""

    def run(seed: int) -> list[bool]:
        faults = Faults(seed)
        faults.set("*", {"status": 500}, probability=0.3)
        return [bool(faults.draw("ls")) for _ in range(200)]

    assert run(1) == run(1) != run(2)
    assert 30 < sum(run(1)) < 90


def test_jobs_go_wrong_as_likely_as_asked():
    """And each with one fate at most."""
    faults = Faults(3)
    faults.set("run", {"node_fail": 0.5})
    fates = [faults.fate_of_a_job() for _ in range(100)]
    hit = [fate for fate in fates if fate]
    assert 30 < len(hit) < 70
    assert {effect for effect, _ in hit} == {"node_fail"}
    assert all(0 <= after <= 2 for _, after in hit)


@pytest.mark.parametrize("name", ["ghost", ".ghost", "submit.", "x"])
def test_a_fault_has_a_kind_and_an_effect(name):
    """Anything else is refused with the form that is wanted."""
    assert split("transfer.cp.latency") == ("transfer.cp", "latency")
    with pytest.raises(ValueError, match=r"KIND\.EFFECT"):
        split(name)


def test_unknown_effects_are_refused_with_those_that_there_are():
    """Those of jobs are others than those of requests."""
    with pytest.raises(ValueError, match="there are appears, bogus, crash"):
        Faults().set("submit", {"node_fail": 1})
    with pytest.raises(ValueError, match="there are node_fail"):
        Faults().set("run", {"ghost": 1})


def test_faults_can_be_written_on_a_command_line():
    """A name and a number, or `always`."""
    assert parse("submit.ghost=1") == ("submit.ghost", 1.0)
    assert parse("*.drop=always") == ("*.drop", True)
    assert parse("token.lifetime=60") == ("token.lifetime", 60.0)
    for text in ("submit.ghost", "submit=1", "submit.ghost=x", "submit.no=1", "token.no=1"):
        with pytest.raises(ValueError, match="fault"):
            parse(text)
