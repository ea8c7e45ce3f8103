"""How closely a pilot looks at its image, and for how long that counts."""

from __future__ import annotations

from typing import Any

import pytest
from parity.sides import FACTS, manifest, snapshot

from fcx.errors import ParityError
from fcx.jobscript.look import Look
from fcx.parity.cache import Known
from fcx.parity.gate import Gate, Question
from fcx.payload.requirements import GUARDED, Import, Relied, Requirements
from fcx.records import replace as altered
from fcx.remote import place

FILES = {"/usr/local/bin/python3": "x", "/usr/local/lib/python3.11": "s"}
WHOLE = {"/usr/local/bin/python3": "X", "/usr/local/lib/python3.11": "S"}


class Facts(dict[str, Any]):
    """What is remembered, whatever its age."""

    def get(self, key: str, max_age: float) -> Any:  # type: ignore[override]  # ages, no defaults
        """As the state folder has it."""
        return super().get(key)

    store = dict.__setitem__

    def forget(self, key: str) -> None:
        """What is not there is forgotten already."""
        self.pop(key, None)


def probe(contents: dict[str, str]) -> dict[str, Any]:
    """What a pilot tells of the place that the sides of the tests have in common."""
    return {**FACTS, "content": {"files": FILES, "contents": contents, "mounts": ()}}


def question(policy: str, build_id: str = "b" * 64) -> Question:
    """About an image whose content is known, by a caller that is inside of it."""
    known = {"content": {"files": FILES, "contents": WHOLE}, "image/build_id": build_id}
    made = Question(policy, "server system", manifest=manifest(known))
    made.__dict__["caller"] = snapshot({"image/build_id": build_id})
    return made


def test_under_strict_each_byte_is_looked_at_once_for_each_build():
    """A look that passed counts for every later pilot on that system, not for another build."""
    facts = Facts()
    first = Gate(question("strict"), facts)
    assert first.recall() is None
    assert first.look is not None
    assert first.look.entries == tuple(FILES)
    assert first.look.contents
    first.admit(probe(WHOLE), None)
    facts.forget(first.question.key)
    later = Gate(question("strict"), facts)
    assert later.recall() is None
    assert later.look is not None
    assert not later.look.contents
    other = Gate(question("strict", "c" * 64), facts)
    other.recall()
    assert other.look is not None
    assert other.look.contents


def test_a_look_that_did_not_pass_does_not_count():
    """The next pilot looks as closely."""
    gate = Gate(question("strict"), Facts())
    with pytest.raises(ParityError, match="image-changed|/usr/local/lib"):
        gate.admit(probe({**WHOLE, "/usr/local/lib/python3.11": "T"}), None)
    assert gate.look is not None
    assert gate.look.contents


def test_later_agents_find_the_content_that_has_passed(tmp_path, monkeypatch):
    """Behind a verdict no pilot reads each byte, but all look at names and sizes."""
    gate = Gate(question("strict"), Facts())
    assert "content" in gate.admit(probe(WHOLE), None).guard
    assert gate.look is not None
    assert not gate.look.contents
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "a.py").write_text("x = 1\n")
    look = Look((str(tmp_path),), contents=False).program()
    before = place.found(None, False, look)["content"]
    place.content.cache_clear()  # as another agent
    assert place.found(None, False, look)["content"] == before
    place.content.cache_clear()
    (tmp_path / "a.py").write_text("x = 12\n")
    assert place.found(None, False, look)["content"] != before


def test_otherwise_names_and_sizes_are_looked_at_or_nothing():
    """Minor wants it quick, off wants nothing, and of an adopted image nothing is known."""
    assert Gate(question("minor"), Facts()).look.contents is False
    assert Gate(question("off"), Facts()).look is None
    assert Gate(Question("strict", "s", manifest=manifest()), Facts()).look is None
    assert Gate(Question("strict", "s"), Facts()).look is None


NUMPY = {"numpy": {"numpy": "1.26.4"}}


def passed(facts: Facts, **versions: str) -> Gate:
    """A gate that has judged a place with these distributions."""
    gate = Gate(Question("minor", "server"), facts)
    found = {**FACTS["distributions"], **versions}
    modules = {**FACTS["modules"], "names": [*FACTS["modules"]["names"], *versions]}
    gate.admit({**FACTS, "distributions": found, "modules": modules}, None)
    return gate


def test_what_agents_have_found_is_judged_from_then_on():
    """Nothing of it is remembered; what passed before still counts where it is found."""
    facts = Facts()
    gate = passed(facts, numpy="1.26.4")
    needs = Requirements(frozenset({"numpy"}), installed=NUMPY)
    assert gate.check_task(needs).passed
    assert gate.relied(needs) == {"numpy": ("1.26.4",)}
    gate.learn({"numpy": "1.26.5"})
    assert gate.question.key not in facts
    assert gate.check_task(needs).passed
    assert gate.relied(needs) == {"numpy": ("1.26.4", "1.26.5")}
    gate.learn({"numpy": "2.1.0"})
    (told,) = gate.check_task(needs).refusals
    assert (told.code, told.wanted, told.found) == ("reference-version", "1.26.4", "2.1.0")
    gate.learn({"numpy": None})
    (told,) = gate.check_task(needs).refusals
    assert told.code == "reference-missing"


def test_an_import_that_may_fail_relies_on_an_absence():
    """Should it come, that is another answer."""
    gate = passed(Facts())
    cupy = {"cupy": {"cupy": "13.0"}}
    needs = Requirements(imports=(Import("cupy", pardon=GUARDED),), installed=cupy)
    assert gate.relied(needs) == {"cupy": (None,)}
    gate.learn({"cupy": "14.0"})
    assert [one.code for one in gate.check_task(needs).refusals] == ["import-version"]


@pytest.mark.parametrize(
    ("found", "code"),
    [("1.26.4", ""), ("1.26.9", ""), ("2.1.0", "reference-version"), (None, "reference-missing")],
)
def test_a_task_of_an_earlier_process_is_held_to_what_it_has_passed_with(found, code):
    """Nothing else is known of it here."""
    gate = passed(Facts(), numpy="1.26.4")
    needs = Relied({"numpy": ("1.26.4",)})
    assert gate.relied(needs) == {"numpy": ("1.26.4",)}
    gate.learn({"numpy": found})
    assert [one.code for one in gate.check_task(needs).refusals] == ([code] if code else [])


def test_under_off_nothing_is_relied_on():
    """Nobody has asked."""
    gate = Gate(Question("off", "server"), Facts())
    assert gate.relied(Requirements(frozenset({"numpy"}), installed=NUMPY)) == {}


def found(**versions: str) -> Known:
    """What a preflight has found in a place with these distributions."""
    gate = passed(Facts(), **versions)
    assert gate.judgement is not None
    return gate.judgement.known


class TestWhatIsFoundAnew:
    """A fresh verdict takes the place of what agents have told, and of what was remembered."""

    needs = Requirements(frozenset({"numpy"}), installed=NUMPY)

    def refused(self, facts: Facts) -> Gate:
        """A gate that has learnt of a drift."""
        gate = passed(facts, numpy="1.26.4")
        gate.learn({"numpy": "2.1.0"})
        with pytest.raises(ParityError, match=r"2\.1\.0"):
            gate.refuse_task(self.needs)
        return gate

    def test_of_its_own(self):
        """As an executor's preflight gives it."""
        gate = self.refused(Facts())
        assert gate.renew(found(numpy="1.26.4"))
        gate.refuse_task(self.needs)
        assert gate.relied(self.needs) == {"numpy": ("1.26.4",)}

    def test_of_whomever(self):
        """As any preflight or pilot of this machine has it remembered, looked up when refused."""
        facts = Facts()
        gate = self.refused(facts)
        other = passed(facts, numpy="1.26.5")
        assert other.judgement is not None
        gate.refuse_task(self.needs)
        assert gate.judgement is not None
        assert gate.judgement.remote.distributions["numpy"] == "1.26.5"

    def test_what_is_older_than_the_drift_counts_no_more(self):
        """Somebody may have remembered it late."""
        facts = Facts()
        old = passed(facts, numpy="1.26.4").judgement
        gate = self.refused(facts)
        assert old is not None
        facts.store(gate.question.key, old.known.to_json())
        with pytest.raises(ParityError):
            gate.refuse_task(self.needs)

    def test_a_place_that_is_refused_by_now(self):
        """Nothing is sent there until it passes; nor is it remembered."""
        facts = Facts()
        gate = passed(facts, numpy="1.26.4")
        bad = {**FACTS, "dill": "0.3.0"}
        fresh = Gate(gate.question, facts)
        with pytest.raises(ParityError, match="dill"):
            fresh.admit(bad, None)
        assert gate.question.key not in facts
        known = found(numpy="1.26.4")
        assert gate.renew(altered(known, remote=altered(known.remote, dill="0.3.0")))
        assert not gate.open
        for needs in (self.needs, Requirements()):
            with pytest.raises(ParityError, match="dill"):
                gate.refuse_task(needs)
        gate.admit(FACTS, None)
        assert gate.open
        gate.refuse_task(Requirements())
