"""Variables: replaced as the engines do it."""

from __future__ import annotations

import pytest

from fcx.edf.document import Edf
from fcx.edf.variables import expand, expanded, undefined
from fcx.errors import EdfError


@pytest.mark.parametrize(
    ("text", "final", "partial"),
    [
        ("${A}/x", "1/x", "1/x"),
        ("$${A}", "${A}", "$${A}"),
        ("$$${A}", "$1", "$$1"),
        ("${A:-d}${U:-d}${E:-d}", "1dd", "1${U:-d}${E:-d}"),
        ("${E}|${U:-}", "|", "|${U:-}"),
        ("$A ${A-x} $(A) $ 5$", "$A ${A-x} $(A) $ 5$", "$A ${A-x} $(A) $ 5$"),
        ("${D}", "a$b", "a$$b"),
        ("plain", "plain", "plain"),
    ],
)
def test_variables_are_expanded_as_documented(text, final, partial):
    """Braces, defaults and `$$`; a partial expansion still means the same to the engine."""
    variables = {"A": "1", "E": "", "D": "a$b"}
    assert expand(text, variables, final=True) == final
    assert expand(text, variables) == partial
    assert expand(partial, variables, final=True) == final


def test_an_undefined_variable_stays_or_is_an_error():
    """The cluster may have it; where the expansion is final, nobody has."""
    assert expand("${NOT_THERE}/x", {}) == "${NOT_THERE}/x"
    with pytest.raises(EdfError, match=r"\$\{NOT_THERE\} is not defined"):
        expand("${NOT_THERE}/x", {}, final=True)


def test_expansion_reaches_every_value_and_tells_what_is_missing():
    """All parameters are expanded; those that are undefined can be listed."""
    edf = Edf(
        ("${A}",), "${A}", "${A}", mounts=("${A}:${B}",), devices=("${A}",),
        env={"X": "${A}${C:-}"}, annotations={"a.b": "${A}"},
    )  # fmt: skip
    done = expanded(edf, {"A": "v"})
    assert (done.base_environment, done.image, done.workdir) == (("v",), "v", "v")
    assert (done.mounts, done.devices) == (("v:${B}",), ("v",))
    assert (done.env, done.annotations) == ({"X": "v${C:-}"}, {"a.b": "v"})
    assert undefined(edf, {}) == ["A", "B"]
    assert undefined(done, {}) == ["B"]
