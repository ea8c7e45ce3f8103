"""A verdict reads as a table and comes back from JSON as it was."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from parity.sides import BUILD, laptop, manifest, snapshot

from fcx.config import POLICIES
from fcx.errors import ManifestError
from fcx.parity.compare import before_queue, compare
from fcx.parity.rules import RULES, difference
from fcx.parity.verdict import Difference, Verdict
from fcx.payload.requirements import Requirements


def test_text_is_a_table():
    """What, wanted, found, verdict in columns; the command that fixes it below the row."""
    verdict = compare("minor", manifest=manifest(), caller=laptop(), remote=snapshot(dill="0.3.8"))
    assert verdict.text().splitlines() == [
        "Parity under policy 'minor': REFUSED (1)",
        f"  image   fcx-image, Python 3.11.7, dill 0.4.1, amd64, build {BUILD[:12]}",
        f"  remote  Python 3.11.7, dill 0.3.8, amd64, node nid001, build {BUILD[:12]}",
        "  client  Python 3.11.7, dill 0.4.1, amd64",
        "",
        "what  client  remote  verdict",
        "dill  0.4.1   0.3.8   refused",
        "    fix: /home/ada/.venv/bin/python -m pip install dill==0.3.8",
    ]


def test_packages_are_summed_up():
    """Packages that are merely noted take one row, unless all are asked for."""
    there = snapshot(distributions={"dill": "0.4.1"})
    verdict = compare("minor", caller=laptop(), remote=there)
    assert "\n2 packages differ (noted): numpy, pip\n" in verdict.text()
    assert "`fcx preflight --all-packages` lists all" in verdict.text()
    assert "24.0" not in verdict.text()
    assert "24.0" in verdict.text(all_packages=True)


def test_one_package_is_told_as_it_is():
    """Beside other rows, too: it may be what a task will be refused for."""
    mine = {**laptop().distributions}
    name, version = next(item for item in mine.items() if item[0] != "dill")
    there = snapshot({"timezone": "CET"}, distributions={**mine, name: "99.0"})
    lines = compare("minor", caller=laptop(), remote=there).text().splitlines()
    assert any(line.split()[:3] == [name, version, "99.0"] for line in lines)
    assert any(line.startswith("timezone") for line in lines)


def test_of_many_packages_the_first_are_named():
    """And how many more there are."""
    many = {f"p{number}": "1" for number in range(54)}
    there = snapshot(distributions={**laptop().distributions, **many})
    text = compare("minor", caller=laptop(), remote=there).text()
    assert "54 packages differ (noted): p0, p1, p10, p11 and 50 more" in text
    assert compare("minor", caller=laptop(), remote=there).notes == 1
    assert compare("minor", caller=laptop(), remote=snapshot()).notes == 0
    assert compare("strict", remote=there, caller=laptop()).notes >= len(many)


def test_the_other_interpreter_is_told_first_and_what_follows_from_it_in_one_line():
    """Its packages come with it; what does not is a row of its own."""
    many = {**laptop().distributions, "pandas": "1", "polars": "1", "dill": "0.3.9"}
    changes = {"python/version": "3.13.1", "dill": "0.3.9", "distributions": many}
    there = snapshot(changes)
    verdict = compare("strict", caller=laptop({"image/build_id": BUILD}), remote=there)
    first, *rest = [row for row in verdict.text().splitlines() if "refused" in row]
    assert first.split() == ["Python", "3.11.7", "3.13.1", "refused"]
    assert "    3 packages follow from it: dill, pandas, polars" in verdict.text()
    assert not [row for row in rest if row.startswith(("dill", "pandas"))]
    everything = verdict.text(all_packages=True)
    assert [row for row in everything.splitlines() if row.startswith("pandas")]
    assert everything.index("\nPython ") < everything.index("\ndill ")
    assert len(json.loads(verdict.to_json())["differences"]) >= 4


def test_a_task_that_is_refused_under_another_python_tells_that_first():
    """Not only the release of a package that comes with it."""
    needs = Requirements(frozenset({"numpy"}), installed={"numpy": {"numpy": "1.26.4"}})
    image = manifest({"python/version": "3.13.1"})
    verdict = before_queue(needs, image, "minor", caller=laptop(), manifest=image)
    assert [one.code for one in verdict.refusals] == ["python-minor", "reference-version"]
    heads = ["what", "client", "image", "verdict"]
    assert heads in [line.split() for line in verdict.text().splitlines()]
    alike = before_queue(needs, manifest(), "minor", caller=laptop(), manifest=manifest())
    assert [one.code for one in alike.refusals] == ["reference-version"]
    fine = before_queue(Requirements(), image, "minor", caller=laptop(), manifest=image)
    assert fine.passed


def test_columns_are_called_by_the_sides_that_are_compared():
    """A client that is to follow has what the others want, and finds nothing."""
    there = snapshot({"timezone": "CET", "image/build_id": "c" * 64, "dill": "0.3.9"})
    text = compare("minor", manifest=manifest(), caller=laptop(), remote=there).text()
    for heads in (("client", "remote"), ("image", "remote"), ("wanted", "found")):
        assert any(line.split()[:3] == ["what", *heads] for line in text.splitlines()), heads
    image = compare("minor", remote=manifest({"dill": "0.3.9"}), caller=laptop()).text()
    assert "  image   fcx-image, " in image
    assert "what  client  image  verdict" in image


def test_refusals_stand_first():
    """The rows that forbid come before those that merely inform."""
    there = snapshot({"timezone": "CET", "dill": None})
    rows = compare("minor", manifest=manifest(), caller=laptop(), remote=there).text().splitlines()
    assert rows.index(next(r for r in rows if "dill " in r and "refused" in r)) < rows.index(
        next(row for row in rows if row.startswith("timezone"))
    )


texts = st.text(max_size=40)


@settings(deadline=None)
@given(
    st.sampled_from(POLICIES),
    st.lists(
        st.tuples(st.sampled_from(sorted(RULES)), texts.filter(bool), texts, texts, texts),
        max_size=8,
    ),
    st.dictionaries(st.sampled_from(["image", "remote", "client"]), texts),
)
def test_json_round_trip(policy, rows, sides):
    """What to_json writes, from_json reads; the text can always be made."""
    found = [
        difference(policy, code, what, wanted=wanted, found=there, fix=fix)
        for code, what, wanted, there, fix in rows
    ]
    verdict = Verdict(policy, tuple(found), sides)
    again = Verdict.from_json(verdict.to_json())
    assert again == verdict
    assert again.passed == json.loads(verdict.to_json())["passed"]
    assert verdict.text(all_packages=True)
    if policy == "off":
        assert verdict.passed


@settings(deadline=None)
@given(st.text(max_size=60))
def test_a_damaged_verdict(text):
    """Whatever is not a verdict raises ManifestError and nothing else."""
    with pytest.raises(ManifestError):
        Verdict.from_json(text)


def test_a_verdict_of_an_older_fcx():
    """What is called a fix was called otherwise; a null is an empty text."""
    old = {"code": "dill", "what": "dill", "wanted": "1", "found": None, "severity": "warn"}
    record = {"schema": 1, "policy": "minor", "passed": True, "mark": "", "sides": {"there": "x"}}
    record["differences"] = [{**old, "mend": "pip install dill==1"}]
    verdict = Verdict.from_json(json.dumps(record))
    assert verdict.differences == (
        Difference("dill", "dill", "1", "", "warn", "pip install dill==1"),
    )
    assert "mend" not in json.loads(verdict.to_json())["differences"][0]
    assert json.loads(verdict.to_json())["differences"][0]["fix"] == "pip install dill==1"


def test_a_damaged_difference():
    """A severity that nobody knows is not taken for harmless."""
    record = json.loads(Verdict("minor", (Difference("dill", "dill", "1", "2", "warn"),)).to_json())
    record["differences"][0]["severity"] = "fine"
    with pytest.raises(ManifestError, match="refuse, warn or info"):
        Verdict.from_json(json.dumps(record))
