"""A record is made of plain values, or the place that is wrong is named in the format's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcx.records import JSON, TOML, Meta, Misfit, Struct, fit, names, plain, replace, without_nulls


class Part(Struct, frozen=True):
    """A section."""

    name: Annotated[str, Meta(min_length=1)]
    note: str = ""
    maybe: str | None = None


class Whole(Struct, frozen=True):
    """A file."""

    part: Part
    parts: tuple[Part, ...] = ()
    words: list[str] = []
    table: Mapping[str, str] = {}
    anything: Mapping[str, Any] = {}
    count: Annotated[int, Meta(ge=1, description="greater than 0")] | None = None
    kind: Annotated[Literal["b", "a"], Meta(description="b or a")] = "b"
    other: Literal["x", "y", "z"] = "x"
    ratio: float = 0.0
    flag: bool = False


class Strict(Struct, frozen=True, forbid_unknown_fields=True):
    """A file in which nothing else may stand."""

    name: str = ""


PART = {"name": "n"}


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ([], "the whole must be an object, not []"),
        ({}, "part must be an object, not None"),
        ({"part": []}, "part must be an object, not []"),
        ({"part": {}}, "part.name must be a string, not None"),
        ({"part": {"name": ""}}, "part.name must be a string, not ''"),
        ({"part": {"name": "n", "note": 1}}, "part.note must be a string, not 1"),
        ({"part": {"name": "n", "maybe": 1}}, "part.maybe must be a string or null, not 1"),
        ({"part": PART, "parts": {}}, "parts must be a list of objects, not {}"),
        (
            {"part": PART, "parts": [PART, 3]},
            "parts must be a list of objects, not [{'name': 'n'}, 3]",
        ),
        ({"part": PART, "parts": [PART, {}]}, "parts[1].name must be a string, not None"),
        ({"part": PART, "words": ["a", 1]}, "words must be a list of strings, not ['a', 1]"),
        ({"part": PART, "words": "a"}, "words must be a list of strings, not 'a'"),
        ({"part": PART, "table": {"a": 1}}, "table must be an object of strings, not {'a': 1}"),
        ({"part": PART, "anything": 1}, "anything must be an object, not 1"),
        ({"part": PART, "count": 0}, "count must be greater than 0 or null, not 0"),
        ({"part": PART, "count": True}, "count must be greater than 0 or null, not True"),
        ({"part": PART, "kind": "c"}, "kind must be b or a, not 'c'"),
        ({"part": PART, "other": "c"}, "other must be x, y or z, not 'c'"),
        ({"part": PART, "ratio": "1"}, "ratio must be a number, not '1'"),
        ({"part": PART, "flag": 1}, "flag must be true or false, not 1"),
    ],
)
def test_what_does_not_fit(value: Any, told: str):
    """The place, what must stand there, what does."""
    with pytest.raises(Misfit) as caught:
        fit(Whole, value, JSON)
    assert str(caught.value) == told


def test_the_words_of_the_format():
    """TOML has arrays and tables, and no null."""
    with pytest.raises(Misfit, match=r"^words must be an array of strings, not 3$"):
        fit(Whole, {"part": PART, "words": 3}, TOML)
    with pytest.raises(Misfit, match=r"^table must be a table of strings, not 3$"):
        fit(Whole, {"part": PART, "table": 3}, TOML)
    with pytest.raises(Misfit, match=r"^count must be greater than 0, not 0$"):
        fit(Whole, {"part": PART, "count": 0}, TOML)


def test_keys_that_nobody_knows():
    """Refused where the record says so, else left alone."""
    with pytest.raises(Misfit, match=r"^colour must be left out, not 'blue'$"):
        fit(Strict, {"colour": "blue"})
    assert fit(Part, {"name": "n", "colour": "blue"}) == Part("n")


def test_there_and_back():
    """Plain values of a record make the same record; a record cannot be changed."""
    whole = Whole(Part("n"), (Part("m", maybe="x"),), ["w"], {"a": "b"}, {"c": [1]}, 3, "a")
    assert fit(Whole, plain(whole)) == whole
    assert replace(whole, count=4).count == 4
    assert names(Part) == ("name", "note", "maybe")
    with pytest.raises(AttributeError):
        whole.count = 5  # type: ignore[misc]


def test_nulls():
    """An empty text for a null, where a text may be empty; elsewhere it stays what it is."""
    given = {"part": {"name": None, "note": None, "maybe": None}, "table": None, "more": None}
    assert without_nulls(Whole, given) == {
        "part": {"name": None, "note": "", "maybe": None},
        "table": None,
        "more": None,
    }
    assert given["part"]["note"] is None  # type: ignore[index]
    assert without_nulls(Whole, [None]) == [None]


values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(0, 1) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*names(Whole), *names(Part), "`", "$.a"]), inner)
    ),
    max_leaves=8,
)


@given(values)
def test_anything_is_a_record_or_a_misfit(value: Any):
    """Whatever a file holds, nothing else is raised."""
    try:
        assert isinstance(fit(Whole, without_nulls(Whole, value)), Whole)
    except Misfit as misfit:
        assert "must be" in str(misfit)


def test_half_a_character_is_no_number():
    """JSON can say it, and msgspec cannot even compare it."""
    with pytest.raises(Misfit, match="half a character"):
        fit(Whole, {"part": {"name": "x"}, "count": "\ud800"})
