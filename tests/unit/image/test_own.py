"""What of a Dockerfile is fcx's to fill in."""

from __future__ import annotations

import pytest

from fcx.image.own import filled, mark_warnings, takes_wheel
from fcx.image.recipe import Recipe

HOST = {"PYTHON_VERSION": "3.11.7", "DILL_VERSION": "0.4.1"}
FOREIGN = "ARG PYTHON_VERSION=3.9\nFROM a\nARG DILL_VERSION\nCOPY .fctools /opt\n"
OWN = "# fcx: yes\nARG PYTHON_VERSION=3.9\nFROM a\n# fcx: and\n# more\nARG DILL_VERSION X=1\n"
OWN += "# fcx: its wheel\nCOPY x .fc[x]/dist/* /opt\n"


def test_what_is_not_marked_is_somebody_else_s():
    """Whatever it is called."""
    recipe = Recipe.from_text(FOREIGN, {})
    assert filled(recipe, HOST, {}) == {}
    assert not takes_wheel(recipe)
    assert not list(mark_warnings(recipe, HOST))


def test_what_is_marked_is_filled_in():
    """Unless it is given, or the base is another's."""
    recipe = Recipe.from_text(OWN, {})
    assert filled(recipe, HOST, {}) == HOST
    assert filled(recipe, HOST, {"DILL_VERSION": ""}) == {"PYTHON_VERSION": "3.11.7"}
    assert filled(recipe, HOST, {"BASE_IMAGE": "b"}) == {"DILL_VERSION": "0.4.1"}
    assert takes_wheel(recipe)
    assert ["`ARG X` is marked" in text for text in mark_warnings(recipe, HOST)] == [True]


@pytest.mark.parametrize(
    "text", ["# fcx: no\n\nARG DILL_VERSION\n", "# not fcx: no\nARG DILL_VERSION\n"]
)
def test_a_mark_stands_directly_above(text: str):
    """In a comment that begins with it."""
    assert filled(Recipe.from_text("FROM a\n" + text, {}), HOST, {}) == {}


def test_an_older_dockerfile_of_ours_is_told_of():
    """It had no marks, and would be built without fcx in silence."""
    recipe = Recipe.from_text("FROM a\nCOPY r .fc[x]/dist/* /opt\n", {})
    (warning,) = mark_warnings(recipe, HOST)
    assert "line 2 takes fcx from .fc[x]/dist" in warning
    assert "fcx init --force" in warning
