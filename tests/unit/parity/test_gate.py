"""How closely a pilot looks at its image, and for how long that counts."""

from __future__ import annotations

from typing import Any

import pytest
from parity.sides import FACTS, manifest, snapshot

from fcx.errors import ParityError
from fcx.parity.gate import Gate, Question

FILES = {"/usr/local/bin/python3": "x", "/usr/local/lib/python3.11": "s"}
WHOLE = {"/usr/local/bin/python3": "X", "/usr/local/lib/python3.11": "S"}


class Facts(dict[str, Any]):
    """What is remembered, whatever its age."""

    def get(self, key: str, max_age: float) -> Any:  # type: ignore[override]  # ages, no defaults
        """As the state folder has it."""
        return super().get(key)

    store = dict.__setitem__
    forget = dict.pop


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


def test_otherwise_names_and_sizes_are_looked_at_or_nothing():
    """Minor wants it quick, off wants nothing, and of an adopted image nothing is known."""
    assert Gate(question("minor"), Facts()).look.contents is False
    assert Gate(question("off"), Facts()).look is None
    assert Gate(Question("strict", "s", manifest=manifest()), Facts()).look is None
    assert Gate(Question("strict", "s"), Facts()).look is None
